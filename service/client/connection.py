"""HTTP to one service: its problems raised as our own errors, requests repeated where nothing can happen twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from service.client.retrying import Again, Retries, failure
from service.errors import CODES, ErrorItem, TuneGateError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
_TIMEOUT_SECONDS = 60.0
_SAFE = {"GET", "HEAD"}
_PARTIAL = 206


class Event(msgspec.Struct, frozen=True):
    """One server-sent event; `id` is what a client that comes back names as the last that it saw."""

    id: str
    event: str
    data: dict[str, Any]


class _Whole:
    """What is there of a body that may come in parts."""

    def __init__(self) -> None:
        self.had = 0
        self.tag: str | None = None

    def headers(self) -> dict[str, str]:
        """Of the next request; packed bytes could not be counted."""
        rest = {"Range": f"bytes={self.had}-", "If-Range": self.tag} if self.had and self.tag else {}
        return {"Accept-Encoding": "identity"} | rest

    def begin(self, answer: httpx.Response) -> int:
        """The number of the first byte of an answer."""
        tag = answer.headers.get("etag", "")
        self.tag = tag if tag.startswith('"') else None
        if answer.status_code != _PARTIAL:
            self.had = 0
        elif not answer.headers.get("content-range", "").startswith(f"bytes {self.had}-"):
            raise TuneGateError("environment", "The service answered with another range than was asked for.")
        return self.had

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self.had += len(piece)


class Connection:
    """Calls the service at a URL."""

    def __init__(self, url: str, api_key: str | None = None, *, retries: Retries | None = None) -> None:
        import httpx

        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._url = url
        self._retries = retries or Retries()
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def get(self, path: str, **params: str) -> Any:
        """GET one JSON answer."""
        return _decoded(self.content("GET", path, params=params))

    def post(self, path: str, body: object = None, *, headers: dict[str, str] | None = None, **params: str) -> Any:
        """POST a JSON body (or none) and return the JSON answer."""
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} | (headers or {})
        return _decoded(self.content("POST", path, params=params, content=content, headers=headers))

    def delete(self, path: str) -> None:
        """DELETE what is there."""
        self.content("DELETE", path)

    def removed(self, path: str) -> Any:
        """DELETE what ends in its own time; how it stands meanwhile."""
        return _decoded(self.content("DELETE", path))

    def text(self, path: str) -> str:
        """GET one answer as text."""
        return self.content("GET", path).decode()

    def upload(self, path: str, file: Path, **params: str) -> Any:
        """POST a file's bytes as they are, streamed."""
        with file.open("rb") as handle:
            headers = {"Content-Type": "application/jsonl"}
            return _decoded(self.content("POST", path, params=params, content=_chunks(handle), headers=headers))

    def content(self, method: str, path: str, **request: Any) -> bytes:
        """The body of an answer; repeated only where a second one does no more than the first.

        Raises:
            TuneGateError: the service's own problem, or `service_unreachable`.
        """
        key = (request.get("headers") or {}).get("Idempotency-Key")
        tries = self._retries.tries if method in _SAFE or key else 1

        def send() -> bytes:
            with self._reaching():
                answer = self._http.request(method, path, **request)
            _raise_problem(answer)
            return answer.content

        return self._repeated(send, tries)

    def download(self, path: str, take: Callable[[int, Iterator[bytes]], None]) -> None:
        """GET bytes in pieces; `take` is given the number of the first and what follows.

        What breaks off is taken up there (Range, If-Range); where it changed meanwhile, or the service gives no ranges,
        it is begun anew.

        Raises:
            TuneGateError: `service_unreachable` once as many tries in a row as are allowed got no further.
        """
        whole = _Whole()
        failed = 0
        while True:
            had = whole.had
            try:
                with self._reaching(), self._http.stream("GET", path, headers=whole.headers()) as answer:
                    _raise_problem(answer)
                    take(whole.begin(answer), whole.counted(answer.iter_raw()))
            except Again as found:
                failed = 1 if whole.tag and whole.had > had else failed + 1
                if failed >= self._retries.tries or found.wait > self._retries.longest:
                    raise found.error from found
                time.sleep(max(self._retries.pause(failed), found.wait))
            else:
                return

    def events(self, path: str, *, after: str | None = None) -> Iterator[Event]:
        """Events after the one of that id, to the one that ends them; a broken stream is taken up where it broke.

        Raises:
            TuneGateError: `service_unreachable` once as many tries in a row as are allowed brought nothing.
        """
        failed = 0
        while True:
            try:
                for event in self._events(path, after):
                    failed, after = 0, event.id
                    yield event
                    if event.event == "end":
                        return
                failed += 1
                error = TuneGateError("service_unreachable", "The stream of events ended before its end.")
            except Again as found:
                failed, error = failed + 1, found.error
            if failed >= self._retries.tries:
                raise error
            time.sleep(self._retries.pause(failed))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _events(self, path: str, after: str | None) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": after})
        # the service says something every fifteen seconds, so silence is a broken connection
        with self._reaching(), self._http.stream("GET", path, headers=headers) as answer:
            _raise_problem(answer)
            yield from _parse_events(_lines(answer.iter_text()))

    def _repeated(self, send: Callable[[], T], tries: int) -> T:
        for n in range(1, tries + 1):
            try:
                return send()
            except Again as found:
                if n == tries or found.wait > self._retries.longest:
                    raise found.error from found
                time.sleep(max(self._retries.pause(n), found.wait))
        raise AssertionError

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TransportError as error:
            raise Again(
                TuneGateError(
                    "service_unreachable",
                    f"{self._url} does not answer ({type(error).__name__}).",
                    remedy="Start it with `tunegate serve`, or set TUNEGATE_URL.",
                )
            ) from error


def _raise_problem(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        problem = msgspec.json.decode(answer.read())
        code, detail = str(problem["code"]), str(problem["detail"])
        errors = msgspec.convert(problem.get("errors", []), list[ErrorItem])
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError):
        raise TuneGateError("environment", f"The service answered {answer.status_code} without a problem.") from None
    known = code if code in CODES else "invalid_input"
    error = TuneGateError(known, detail, remedy=str(problem.get("remedy", "")), errors=errors)
    raise failure(error, answer.headers.get("retry-after", ""))


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    """Lines as streams of events have them: a text may hold what else Python and httpx take for the end of one."""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            yield line.removesuffix("\r")


def _parse_events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            if "data" in fields:
                yield Event(fields.get("id", ""), fields.get("event", ""), msgspec.json.decode(fields["data"]))
            fields = {}


def _decoded(content: bytes) -> Any:
    return msgspec.json.decode(content) if content else None


def _chunks(handle: Any) -> Iterator[bytes]:
    while chunk := handle.read(1 << 20):
        yield chunk
