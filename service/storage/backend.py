"""What every kind of store can do, by keys that the caller has checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from service.errors import ErrorItem

CHUNK_BYTES = 1 << 20


class Backend(Protocol):
    """All calls are synchronous; what they raise is told by `service.storage.failures`."""

    def keep(self, key: str, path: Path) -> None:
        """Put a file under a key, whole or not at all; what stood there is replaced."""

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

    def unready(self) -> list[ErrorItem]:
        """What keeps the store from being used, told within seconds."""
