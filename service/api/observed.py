"""Around every request: its id, one line in the log, its bytes in the metrics, and an end when the service ends."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.api.access import caller_in
from service.api.arrival import Arrival
from service.api.hosts import one_host
from service.api.problems import problem_bytes
from service.errors import TuneGateError
from service.observe.logs import chosen_request_id, request_id
from service.observe.metrics import RECEIVED, SENT
from service.observe.traces import server_span

_LOG = logging.getLogger("tunegate.requests")
UNMATCHED = "unmatched"
_HEADER = b"x-request-id"
# asked for every few seconds by those who watch
_WATCHED = ("/health/", "/metrics")
_CLIENT_LEFT = 499
_STOPPING = TuneGateError("stopping", "The service is stopping.", remedy="Send the request again.")
_BAD_HOST = TuneGateError(
    "bad_host", "The request needs one Host header, of a name or address and perhaps a port.", remedy="Ask by a URL."
)


class Requests:
    """The requests that are being answered, so that they can be waited for, and cut off."""

    def __init__(self) -> None:
        self.refusing = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cut_off: set[asyncio.Task[Any]] = set()

    def begin(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)

    def end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._cut_off.discard(task)

    def was_cut_off(self, task: asyncio.Task[Any]) -> bool:
        """Whether a cancellation is ours; it is then taken back, so that an answer can be sent."""
        if task not in self._cut_off:
            return False
        task.uncancel()
        return True

    async def finish(self, seconds: float) -> int:
        """Take no new requests, wait for those that are there, then cut off the rest; returns how many were."""
        self.refusing = True
        deadline = time.monotonic() + seconds
        while self._tasks and time.monotonic() < deadline:
            await asyncio.wait(self._tasks, timeout=min(0.1, deadline - time.monotonic()))
        left = set(self._tasks)
        for task in left:
            self._cut_off.add(task)
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=2)
        return len(left)


class Observed:
    """The outermost layer of the app; it never looks into a body."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        one = _Request(scope, receive, send)
        token = request_id.set(one.id)
        try:
            with server_span(scope) as span:
                await self._answered(one)
                span(one.template, one.status)
        finally:
            one.tell()
            request_id.reset(token)

    async def _answered(self, one: _Request) -> None:
        if not one_host(one.scope):
            await one.refuse(_BAD_HOST)
            return
        if self._requests.refusing and not one.path.startswith(_WATCHED):
            await one.refuse(_STOPPING)
            return
        task = asyncio.current_task()
        assert task is not None
        watched = one.path.startswith(_WATCHED)
        if not watched:
            self._requests.begin(task)
        try:
            await self._app(one.scope, one.receive, one.send)
        except asyncio.CancelledError:
            if not self._requests.was_cut_off(task):
                raise
            await one.refuse(_STOPPING)
        finally:
            self._requests.end(task)


class _Request:
    """One request as it is seen from outside."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope: Any = scope
        self._receive, self._send = receive, send
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        self.id = chosen_request_id(given.decode("latin-1"))
        self.path: str = scope["path"]
        self.status = _CLIENT_LEFT
        self._started = False
        self._arrival: Arrival | None = None
        self._read = self._written = 0
        self._start = time.perf_counter()

    @property
    def template(self) -> str:
        """The route as it is written in the contract: paths that lead nowhere are all one."""
        return str(self.scope.get("path_template") or UNMATCHED)

    def _arriving(self) -> Arrival:
        if self._arrival is None:
            self._arrival = Arrival(self.scope["litestar_app"].state.context.settings)
        return self._arrival

    async def receive(self) -> Any:
        # a stream that is under way asks only whether its client is still there
        message: Any = await (self._receive() if self._started else self._arriving().next(self._receive))
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started, self.status = True, message["status"]
            message["headers"] = [*message["headers"], (_HEADER, self.id.encode())]
        elif message["type"] == "http.response.body":
            self._written += len(message.get("body", b""))
        await self._send(message)

    async def refuse(self, error: TuneGateError) -> None:
        """A problem, unless an answer is under way: that is left broken off, which its length or last chunk shows."""
        if self._started:
            return
        body, headers = problem_bytes(error)
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def tell(self) -> None:
        """The line in the log, and the bytes."""
        RECEIVED.labels(self.template).inc(self._read)
        SENT.labels(self.template).inc(self._written)
        level = logging.DEBUG if self.path.startswith(_WATCHED) else logging.INFO
        if not _LOG.isEnabledFor(level):
            return
        fields = {
            "request_id": self.id,
            "method": self.scope["method"],
            "route": self.template,
            "status": self.status,
            "milliseconds": round((time.perf_counter() - self._start) * 1000, 1),
            "bytes_in": self._read,
            "bytes_out": self._written,
        }
        caller = caller_in(self.scope.get("state", {}))
        if caller is not None:
            fields |= {"caller": caller.actor, "project": caller.project}
        _LOG.log(level, "request", extra={"fields": fields})
