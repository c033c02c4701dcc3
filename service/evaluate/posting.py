"""Posts to an address over HTTP, one try at a time, on connections that are kept; every fault of it is a code."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from service.evaluate.asker import Code, Unanswered
from service.evaluate.models import Model

if TYPE_CHECKING:
    import httpx

# an answer is some kilobytes, one of a thousand vectors some megabytes; what is larger is none of them
_LARGEST_BYTES = 32 << 20
_STATUS: dict[int, Code] = {
    401: "key_refused", 403: "key_refused", 404: "no_such_model", 408: "timeout", 409: "server_error",
    413: "too_long", 425: "server_error", 429: "rate_limited",
    # a part of the results, where all of them were asked for
    206: "server_error",
}  # fmt: skip
# `error.code` of OpenAI and Azure OpenAI in answers of status 400 and 429; the last one is our own
# (platform.openai.com/docs/guides/error-codes; learn.microsoft.com/azure/ai-services/openai/concepts/content-filter)
_NAMED: dict[str, Code] = {
    "content_filter": "content_filter", "context_length_exceeded": "too_long", "model_not_found": "no_such_model",
    "DeploymentNotFound": "no_such_model", "invalid_api_key": "key_refused", "insufficient_quota": "key_refused",
    "context_overflow": "too_long",
}  # fmt: skip
_OK, _SERVER = 200, 500


class Poster:
    """One address with its connections."""

    def __init__(self, model: Model, key: str | None) -> None:
        """Open nothing yet."""
        import httpx

        self._model = model
        self._httpx = httpx
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if key is not None:
            self._headers[model.api_key_header] = key if model.api_key_header == "api-key" else f"Bearer {key}"
        self._url = httpx.URL(str(model.endpoint))
        self._trusted = httpx.create_ssl_context()
        self._clients: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []

    async def post(self, body: bytes) -> tuple[bytes, float]:
        """(the answer of status 200, seconds until it was read).

        Raises:
            Unanswered: whatever else comes.

        """
        client = self._client()
        request = client.build_request("POST", self._url, content=body)
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(self._model.timeout_s):
                response = await client.send(request, stream=True)
                try:
                    content = await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Unanswered("timeout", charged=True) from error
        except self._httpx.ConnectError as error:
            raise Unanswered("connection") from error
        except self._httpx.TimeoutException as error:
            early = isinstance(error, self._httpx.ConnectTimeout | self._httpx.PoolTimeout)
            raise Unanswered("timeout", charged=not early) from error
        except self._httpx.HTTPError as error:
            # broken off, or no HTTP: it may have been answered on the other side
            raise Unanswered("connection", charged=True) from error
        finally:
            self._idle.append(client)
        seconds = time.perf_counter() - begun
        if response.status_code != _OK:
            raise _refusal(response.status_code, response.headers.get("retry-after"), content)
        return content, seconds

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    def _client(self) -> httpx.AsyncClient:
        """One that nobody uses now. Each has one connection, because a pool looks at all of them for every request."""
        if self._idle:
            return self._idle.pop()
        limits = self._httpx.Limits(max_connections=1, max_keepalive_connections=1)
        # these are of every single read; a connection takes half of the time or is none, so that it is known to be none
        timeout = self._httpx.Timeout(self._model.timeout_s, connect=self._model.timeout_s / 2)
        client = self._httpx.AsyncClient(headers=self._headers, limits=limits, timeout=timeout, verify=self._trusted)
        self._clients.append(client)
        return client


class _Error(msgspec.Struct, frozen=True):
    code: Any = None
    param: Any = None


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error | None = None


async def _read(response: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > _LARGEST_BYTES:
            raise Unanswered("too_large", charged=True)
        pieces.append(piece)
    return b"".join(pieces)


def _refusal(status: int, retry_after: str | None, content: bytes) -> Unanswered:
    """What an answer of another status than 200 means; of its words only names that are known are read."""
    try:
        said = msgspec.json.decode(content, type=_Refusal).error or _Error()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = _Error()
    named = _NAMED.get(said.code) if isinstance(said.code, str) else None
    if named is not None:
        return Unanswered(named)
    if status >= _SERVER:
        return Unanswered("server_error", wait_s=_seconds(retry_after))
    if status in _STATUS:
        return Unanswered(_STATUS[status], wait_s=_seconds(retry_after))
    if status in {400, 422}:
        known = ("temperature", "max_tokens", "max_completion_tokens", "tools", "messages", "model")
        return Unanswered("refused_request", hint=said.param if said.param in known else "")
    return Unanswered("unexpected_status")


def _seconds(retry_after: str | None) -> float | None:
    """What `Retry-After` asks to wait: seconds, or a date (RFC 9110, section 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
