"""A small HTTP client of a running service; the service's problems are raised as our own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from service.errors import CODES, ErrorItem, TuneGateError
from service.files import write_error

if TYPE_CHECKING:
    import httpx

_TIMEOUT_SECONDS = 60.0


class Event(msgspec.Struct, frozen=True):
    """One server-sent event of a job."""

    n: int
    event: str
    data: dict[str, Any]


class ServiceClient:
    """Calls `/v1` of the service at a URL."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        import httpx

        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._url = url
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def get(self, path: str, **params: str) -> Any:
        """GET one JSON answer."""
        return self._json("GET", path, params=params)

    def post(self, path: str, body: object = None, *, headers: dict[str, str] | None = None, **params: str) -> Any:
        """POST a JSON body (or none) and return the JSON answer."""
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} | (headers or {})
        return self._json("POST", path, params=params, content=content, headers=headers)

    def text(self, path: str) -> str:
        """GET one answer as text."""
        with self._reaching():
            answer = self._http.get(path)
        _raise_problem(answer)
        return answer.text

    def upload(self, path: str, file: Path, **params: str) -> Any:
        """POST a file's bytes as they are, streamed."""
        with file.open("rb") as handle:
            headers = {"Content-Type": "application/jsonl"}
            return self._json("POST", path, params=params, content=_chunks(handle), headers=headers)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """The job's events numbered above `after`, until it ends."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with (
            self._reaching(),
            self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=None) as answer,
        ):
            _raise_problem(answer)
            yield from _parse_events(answer.iter_lines())

    def download(self, path: str, target: Path) -> None:
        """GET bytes into a file that is complete or absent."""
        partial = target.with_name(f".{target.name}.part")
        try:
            with self._reaching(), self._http.stream("GET", path) as answer, partial.open("wb") as sink:
                _raise_problem(answer)
                for chunk in answer.iter_bytes():
                    sink.write(chunk)
            partial.replace(target)
        except OSError as error:
            raise write_error(target, error) from error
        finally:
            partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _json(self, method: str, path: str, **request: Any) -> Any:
        with self._reaching():
            answer = self._http.request(method, path, **request)
        _raise_problem(answer)
        return msgspec.json.decode(answer.content) if answer.content else None

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TransportError as error:
            raise TuneGateError(
                "service_unreachable",
                f"{self._url} does not answer ({type(error).__name__}).",
                remedy="Start it with `tunegate serve`, or set TUNEGATE_URL.",
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
    raise TuneGateError(
        code if code in CODES else "invalid_input", detail, remedy=str(problem.get("remedy", "")), errors=errors
    )


def _parse_events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            if "data" in fields:
                yield Event(int(fields.get("id", 0)), fields.get("event", ""), msgspec.json.decode(fields["data"]))
            fields = {}


def _chunks(handle: Any) -> Iterator[bytes]:
    while chunk := handle.read(1 << 20):
        yield chunk
