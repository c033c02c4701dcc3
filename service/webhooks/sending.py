"""One POST of a message to an address that was looked at; nothing of the answer is read but its status."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from service.allowed_addresses import AllowedAddress, trusted
from service.records.webhook import Outcome
from service.webhooks.reachable import may_connect

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_OK, _REDIRECT, _CLIENT, _SERVER, _GONE = 200, 300, 400, 500, 410
_PORTS = {"http": 80, "https": 443}
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Answer(msgspec.Struct, frozen=True):
    """How a try went; `retry_after` is the header's seconds where it has some."""

    outcome: Outcome
    status: int | None = None
    retry_after: float | None = None


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a host.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Sender:
    """Posts to listed addresses: no redirect is followed, no proxy asked, no cookie or connection kept.

    The name is resolved once for each try, and the address that was looked at is the one that is connected to; the
    certificate is held against the name.
    """

    def __init__(
        self,
        allowed: Sequence[AllowedAddress],
        *,
        private: bool = False,
        seconds: float = SECONDS,
        resolve: Resolve = resolved,
    ) -> None:
        self._allowed, self._private, self._seconds, self._resolve = allowed, private, seconds, resolve
        self._trusted: ssl.SSLContext | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send once; whatever comes is an answer."""
        import httpx

        if not trusted(url) or not any(one.holds(url) for one in self._allowed):
            return Answer("address_refused")
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(httpx.URL(url), headers, body)
        except (TimeoutError, httpx.TimeoutException):
            return Answer("timeout")
        except (OSError, UnicodeError, httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer("tls_failed" if _of_tls(error) else "unreachable")

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        import httpx

        host = url.raw_host.decode("ascii").strip("[]")
        addresses = await self._resolve(host, url.port or _PORTS[url.scheme])
        if not may_connect(str(url), addresses, private=self._private):
            return Answer("address_refused")
        self._trusted = self._trusted or httpx.create_ssl_context()
        request = httpx.Request(
            "POST",
            url.copy_with(host=addresses[0]),
            headers={"host": url.netloc.decode("ascii"), "accept": "*/*", **headers},
            content=body,
            extensions={
                "sni_hostname": host,
                "timeout": httpx.Timeout(self._seconds, connect=_CONNECT_SECONDS).as_dict(),
            },
        )
        transport = httpx.AsyncHTTPTransport(verify=self._trusted, trust_env=False)
        async with transport:
            response = await transport.handle_async_request(request)
            try:
                return _answer(response)
            finally:
                await response.aclose()


def _answer(response: httpx.Response) -> Answer:
    status = response.status_code
    outcome: Outcome = "refused"
    if _OK <= status < _REDIRECT:
        outcome = "delivered"
    elif _REDIRECT <= status < _CLIENT:
        outcome = "redirected"
    elif status == _GONE:
        outcome = "gone"
    elif status >= _SERVER:
        outcome = "server_error"
    # RFC 9110 also has dates, which hardly anybody sends: our own times hold then
    given = response.headers.get("retry-after", "")
    return Answer(outcome, status, float(given[:9]) if given.isascii() and given.isdigit() else None)


def _of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
