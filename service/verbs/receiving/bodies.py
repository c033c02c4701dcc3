"""bodies: how many are on their way or being worked on, and how much disk they take; more are told to come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import TuneGateError

# above this, work on a body is done by a worker process: a thread of the service would hold up the others
LARGE_BYTES = 1 << 20


def is_large(path: Path) -> bool:
    """Whether a received body is worked on by a worker process."""
    return path.stat().st_size >= LARGE_BYTES


class Bodies:
    """Those of all requests: at most `most` at once, and `most_bytes` on disk unless one is alone."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._lock = threading.Lock()
        self._held: dict[Place, int] = {}
        self._bytes = 0

    @contextmanager
    def place(self, length: int) -> Iterator[Place]:
        """Room for a body of which `length` bytes are announced, while the block runs.

        Raises:
            TuneGateError: `busy`, before a byte was taken.
        """
        place = Place(self)
        with self._lock:
            if len(self._held) >= self._most:
                raise _busy(f"{self._most} bodies are on their way or being worked on, as many as may be")
            self._held[place] = 0
        try:
            place.hold(length)
            yield place
        finally:
            with self._lock:
                self._bytes -= self._held.pop(place)

    def hold(self, place: Place, size: int) -> None:
        """Raises TuneGateError (`busy`) where a body of `size` bytes has no room beside the others."""
        with self._lock:
            others = self._bytes - self._held[place]
            if others and others + size > self._most_bytes:
                raise _busy(f"The bodies on their way or being worked on take {self._most_bytes} bytes, as many as may")
            self._held[place] = max(size, self._held[place])
            self._bytes = others + self._held[place]


class Place:
    """The room of one body."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies

    def hold(self, size: int) -> None:
        """Take room for `size` bytes in all; what was taken before stays taken.

        Raises:
            TuneGateError: `busy`.
        """
        self._bodies.hold(self, size)


def _busy(why: str) -> TuneGateError:
    return TuneGateError("busy", f"{why}.", remedy="Send it again in a moment.")
