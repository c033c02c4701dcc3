"""uploads: a body becomes a temporary file that is whole or gone, and work on it ends when its client leaves."""

from __future__ import annotations

import asyncio
import functools
import io
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
import msgspec

from service.errors import ErrorItem, TuneGateError
from service.files import write_error
from service.packing import packing_of
from service.verbs.receiving.bodies import LARGE_BYTES, Bodies, Place
from service.verbs.receiving.unpacking import Body

if TYPE_CHECKING:
    from service.settings import Settings

T = TypeVar("T")
_PREFIX = ".upload-"
_BUFFER_BYTES = 1 << 20
_WRITTEN_BYTES = 1 << 19


class Upload(msgspec.Struct, frozen=True):
    """A body on its way: its chunks, and what its headers say of it (`length` in bytes, None when unknown)."""

    chunks: AsyncIterator[bytes]
    length: int | None = None
    coding: str | None = None


@asynccontextmanager
async def received(upload: Upload, settings: Settings, bodies: Bodies) -> AsyncIterator[Path]:
    """A temporary file with the unpacked body; gone when the block ends, unless it was moved away.

    Memory does not grow with the body: a few chunks are unpacked, counted and written before the next is asked for.
    How long one may take is bounded by who gives them.

    Raises:
        TuneGateError: `too_large`, `body_stalled`, `unsupported_body`, `invalid_input`, `disk_full`, `busy`.
    """
    if upload.length is not None and upload.length > settings.max_body_bytes:
        raise _too_large(settings.max_body_bytes, f"has {upload.length} bytes")
    body = Body(upload.coding)
    path = settings.uploads / f"{_PREFIX}{os.urandom(8).hex()}"
    with bodies.place(upload.length or 0) as place:
        spool = _Spool(body, path, settings, place)
        try:
            await anyio.to_thread.run_sync(spool.open)
            pending: list[bytes] = []
            async for chunk in upload.chunks:
                pending.append(chunk)
                # a visit to a thread costs as much as 50 KB of linting
                if sum(map(len, pending)) >= _WRITTEN_BYTES:
                    await anyio.to_thread.run_sync(spool.write, b"".join(pending))
                    pending.clear()
            await anyio.to_thread.run_sync(spool.finish, b"".join(pending))
            yield path
        finally:
            spool.close()
            if spool.written < LARGE_BYTES:
                path.unlink(missing_ok=True)
            else:
                # a large file takes a while to remove
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(functools.partial(path.unlink, missing_ok=True))


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

    def __init__(self, body: Body, path: Path, settings: Settings, place: Place) -> None:
        self._body = body
        self._path = path
        self._file: FileIO | None = None
        self._most = settings.max_body_bytes
        self._place = place
        self._received = 0
        self.written = 0

    def open(self) -> None:
        self._file = _opened(self._path)

    def write(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self._most:
            raise _too_large(self._most, "goes on beyond the limit")
        for piece in self._body.feed(chunk):
            self._keep(piece)

    def finish(self, chunk: bytes) -> None:
        self.write(chunk)
        for piece in self._body.finish():
            self._keep(piece)
        assert self._file is not None
        self._file.seek(0)
        # the linter unpacks by itself, and would do so without a limit
        if packing_of(self._file.read(4)) is not None:
            raise TuneGateError(
                "invalid_input", "The body is packed twice.", remedy="Unpack it once and send it again."
            )
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _keep(self, piece: bytes) -> None:
        self.written += len(piece)
        if self.written > self._most:
            raise _too_large(self._most, "goes beyond the limit when it is unpacked")
        self._place.hold(self.written)
        assert self._file is not None
        left = memoryview(piece)
        try:
            while left:
                # without a buffer, which would tell of a full disk only when it is closed
                left = left[self._file.write(left) :]
        except OSError as error:
            raise write_error(self._path.parent, error) from error


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


def _opened(path: Path) -> FileIO:
    """A new file that only this user can read: it holds somebody's data."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+")
    except OSError as error:
        raise write_error(path.parent, error) from error


def _too_large(most: int, seen: str) -> TuneGateError:
    return TuneGateError(
        "too_large",
        f"The body {seen}; this service takes at most {most} bytes, packed or unpacked.",
        remedy="Split the file, lint it with `tunegate lint` (no limit), or raise TUNEGATE_MAX_BODY_BYTES.",
        errors=[ErrorItem("body", seen, f"at most {most} bytes")],
    )
