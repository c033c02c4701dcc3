"""uploads: a body becomes a temporary file that is whole or gone, and work on it ends when its client leaves."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import anyio
import anyio.to_thread
import msgspec

from service.errors import ErrorItem, TuneGateError
from service.files import write_error
from service.packing import packing_of
from service.verbs.unpacking import Body

if TYPE_CHECKING:
    from service.settings import Settings

T = TypeVar("T")
_PREFIX = ".upload-"
_BUFFER_BYTES = 1 << 20


class Upload(msgspec.Struct, frozen=True):
    """A body on its way: its chunks, and what its headers say of it (`length` in bytes, None when unknown)."""

    chunks: AsyncIterator[bytes]
    length: int | None = None
    coding: str | None = None


@asynccontextmanager
async def received(upload: Upload, settings: Settings) -> AsyncIterator[Path]:
    """A temporary file with the unpacked body; gone when the block ends, unless it was moved away.

    Memory does not grow with the body: every chunk is unpacked, counted and written before the next is asked for.

    Raises:
        TuneGateError: `too_large`, `body_stalled`, `unsupported_body`, `invalid_input`, `disk_full`.
    """
    if upload.length is not None and upload.length > settings.max_body_bytes:
        raise _too_large(settings.max_body_bytes, f"has {upload.length} bytes")
    body = Body(upload.coding)
    path = settings.uploads / f"{_PREFIX}{os.urandom(8).hex()}"
    try:
        await anyio.to_thread.run_sync(lambda: settings.uploads.mkdir(parents=True, exist_ok=True))
        with _opened(path) as sink:
            spool = _Spool(body, sink, settings)
            async for chunk in _in_time(upload.chunks, settings.body_idle_seconds):
                await anyio.to_thread.run_sync(spool.write, chunk)
            await anyio.to_thread.run_sync(spool.finish)
        yield path
    finally:
        path.unlink(missing_ok=True)


async def unless_left(left: Awaitable[object], work: Awaitable[T], end: Callable[[], object]) -> T:
    """What `work` gives; when `left` comes first, `end` is called and the work is waited for.

    Raises:
        TuneGateError: `interrupted`.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left)
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise client_left()
        return working.result()
    finally:
        end()
        leaving.cancel()
        await asyncio.wait({working, leaving})
        with suppress(BaseException):
            working.exception()


async def in_thread(left: Awaitable[object], work: Callable[[threading.Event], T], slots: anyio.CapacityLimiter) -> T:
    """The same of work in a thread of its own, which ends once its event is set.

    Raises:
        TuneGateError: `interrupted`.
    """
    stop = threading.Event()
    return await unless_left(left, anyio.to_thread.run_sync(work, stop, limiter=slots), stop.set)


def readable(path: Path, stop: threading.Event) -> io.BufferedReader:
    """A file for reading; once `stop` is set, the next read raises `interrupted`."""
    return io.BufferedReader(_Stoppable(path, stop), _BUFFER_BYTES)


def end_if(stop: threading.Event) -> None:
    """Raises TuneGateError (`interrupted`) once `stop` is set; for work that seldom reads."""
    if stop.is_set():
        raise client_left()


def client_left() -> TuneGateError:
    """Nobody reads this; it ends the request, and counts as 499 in the metrics."""
    return TuneGateError("interrupted", "The client left.")


def remove_stale(settings: Settings) -> None:
    """Remove what a killed service left; call it only while the data folder is held."""
    for path in settings.uploads.glob(f"{_PREFIX}*"):
        path.unlink(missing_ok=True)


class _Spool:
    """Writes the unpacked bytes of a body, up to the limit."""

    def __init__(self, body: Body, sink: BinaryIO, settings: Settings) -> None:
        self._body = body
        self._sink = sink
        self._most = settings.max_body_bytes
        self._where = settings.uploads
        self._received = 0
        self._written = 0

    def write(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self._most:
            raise _too_large(self._most, "goes on beyond the limit")
        for piece in self._body.feed(chunk):
            self._keep(piece)

    def finish(self) -> None:
        for piece in self._body.finish():
            self._keep(piece)
        self._sink.flush()
        self._sink.seek(0)
        # the linter unpacks by itself, and would do so without a limit
        if packing_of(self._sink.read(4)) is not None:
            raise TuneGateError(
                "invalid_input", "The body is packed twice.", remedy="Unpack it once and send it again."
            )

    def _keep(self, piece: bytes) -> None:
        self._written += len(piece)
        if self._written > self._most:
            raise _too_large(self._most, "goes beyond the limit when it is unpacked")
        try:
            self._sink.write(piece)
        except OSError as error:
            raise write_error(self._where, error) from error


class _Stoppable(io.RawIOBase):
    def __init__(self, path: Path, stop: threading.Event) -> None:
        self._file = path.open("rb", buffering=0)
        self._stop = stop

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._stop.is_set():
            raise client_left()
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _opened(path: Path) -> BinaryIO:
    """A new file that only this user can read: it holds somebody's data."""
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
    except OSError as error:
        raise write_error(path.parent, error) from error


async def _in_time(chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(seconds):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TuneGateError(
                "body_stalled",
                f"Nothing of the body came for {seconds:g} seconds; what had come was removed.",
                remedy="Send it again; TUNEGATE_BODY_IDLE_SECONDS of the service sets how long it waits.",
            ) from error
        if chunk:
            yield chunk


def _too_large(most: int, seen: str) -> TuneGateError:
    return TuneGateError(
        "too_large",
        f"The body {seen}; this service takes at most {most} bytes, packed or unpacked.",
        remedy="Split the file, lint it with `tunegate lint` (no limit), or raise TUNEGATE_MAX_BODY_BYTES.",
        errors=[ErrorItem("body", seen, f"at most {most} bytes")],
    )
