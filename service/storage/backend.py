"""What every kind of store can do, by keys that the caller has checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from service.errors import ErrorItem

CHUNK_BYTES = 1 << 20


class Kept(NamedTuple):
    """An object and when it was put there, in seconds since 1970 by the clock of the store."""

    key: str
    at: float


class Backend(Protocol):
    """All calls are synchronous; what they raise is told by `service.storage.failures`."""

    def keep(self, key: str, path: Path) -> None:
        """Put a file under a key, whole or not at all; what stood there is replaced."""

    def create(self, key: str, content: bytes) -> bool:
        """Put a small object under a key where nothing stands; False, and nothing is changed, where something does."""

    def local(self, key: str) -> Path | None:
        """The object itself where it is a file of this machine; None in a remote store."""

    def has(self, key: str) -> bool:
        """Whether something stands under a key."""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of an object in pieces that are small enough to hold.

        Raises:
            TuneGateError: `storage_missing`, `storage_refused`, `storage_unreachable`.
        """

    def remove(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""

    def remove_below(self, prefix: str) -> None:
        """Remove every object whose key begins with `prefix/`."""

    def listed(self, prefix: str = "") -> Iterator[Kept]:
        """Every object, or every one whose key begins with `prefix/`; half-written ones are none."""

    def unready(self) -> list[ErrorItem]:
        """What keeps the store from being used, told within seconds."""
