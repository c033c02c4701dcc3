"""A store of objects elsewhere: Azure Blob Storage or S3, in parts, so that memory does not grow with an object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.errors import ErrorItem, TuneGateError
from service.storage.backend import Kept
from service.storage.failures import missing, told, unreachable
from service.storage.opening import opened
from service.storage_settings import Address

_PLACE = "The storage"
_PART_BYTES, _PARTS_AT_ONCE = 8 << 20, 2
# S3 takes 10,000 parts of one object
_MOST_PARTS = 9_000
_PIECE_BYTES = 4 << 20
_NAMES_AT_ONCE = 500
_NOTHING = ".ready"


class Bucket:
    """Objects below an address; `place` names the store in messages."""

    def __init__(self, address: Address, *, place: str = _PLACE) -> None:
        self._store = opened(address)
        self._hasty = opened(address, patient=False)
        self._place = place

    def keep(self, key: str, path: Path) -> None:
        """Upload a file; it becomes visible when its last part has come."""
        import obstore

        part_bytes = max(_PART_BYTES, path.stat().st_size // _MOST_PARTS + 1)
        try:
            with told(self._place):
                obstore.put(self._store, key, path, chunk_size=part_bytes, max_concurrency=_PARTS_AT_ONCE)
        except TuneGateError as error:
            raise self._no_container(error) from error

    def create(self, key: str, content: bytes) -> bool:
        """By a conditional request; one whose answer was lost and that was sent again may find its own object."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with told(self._place):
                obstore.put(self._store, key, content, mode="create", use_multipart=False)
        except TuneGateError as error:
            if isinstance(error.__cause__, AlreadyExistsError):
                return False
            raise self._no_container(error) from error
        return True

    def local(self, key: str) -> Path | None:
        """None: nothing of it lies on this machine."""
        del key
        return None

    def has(self, key: str) -> bool:
        """Whether the store knows it."""
        try:
            self.head(key)
        except TuneGateError as error:
            if error.code == "storage_missing":
                return False
            raise
        return True

    def head(self, key: str) -> tuple[int, str | None]:
        """(bytes, entity tag) of an object.

        Raises:
            TuneGateError: `storage_missing`, `storage_refused`, `storage_unreachable`.
        """
        import obstore

        with told(self._place):
            found: Any = obstore.head(self._store, key)
        return int(found["size"]), found["e_tag"]

    def read(self, key: str) -> Iterator[bytes]:
        """Its bytes, asked for piece by piece, so that a cut costs one piece and a slow reader holds no connection."""
        size, tag = self.head(key)
        for start in range(0, size, _PIECE_BYTES):
            yield self.part(key, start, min(start + _PIECE_BYTES, size), tag)

    def part(self, key: str, start: int, end: int, tag: str | None) -> bytes:
        """Bytes of the object as it was when `tag` was read.

        Raises:
            TuneGateError: `storage_missing` once it is another, `storage_refused`, `storage_unreachable`.
        """
        import obstore
        from obstore.exceptions import PreconditionError

        options: Any = {"range": (start, end)} | ({"if_match": tag} if tag else {})
        with told(self._place):
            try:
                return bytes(obstore.get(self._store, key, options=options).bytes())
            except PreconditionError as error:
                raise missing(self._place) from error

    def remove(self, key: str) -> None:
        """Remove an object."""
        import obstore

        try:
            with told(self._place):
                obstore.delete(self._store, key)
        except TuneGateError as error:
            if error.code != "storage_missing":
                raise

    def remove_below(self, prefix: str) -> None:
        """Remove what lies below a prefix."""
        import obstore

        names = [one.key for one in self.listed(prefix)]
        with told(self._place):
            for start in range(0, len(names), _NAMES_AT_ONCE):
                obstore.delete(self._store, names[start : start + _NAMES_AT_ONCE])

    def listed(self, prefix: str = "") -> Iterator[Kept]:
        """As the store lists them.

        Raises:
            TuneGateError: `storage_refused`, `storage_unreachable`.
        """
        import obstore

        with told(self._place):
            for page in obstore.list(self._store, prefix or None):
                yield from (Kept(str(one["path"]), one["last_modified"].timestamp()) for one in page)

    def unready(self) -> list[ErrorItem]:
        """Asks for an object that is not there, which tells who may not, and for a name, which tells of no bucket."""
        import obstore
        from obstore.exceptions import NotFoundError

        try:
            with told(self._place):
                with suppress(NotFoundError, FileNotFoundError):
                    obstore.head(self._hasty, _NOTHING)
                next(iter(obstore.list(self._hasty, chunk_size=1)), None)
        except TuneGateError as error:
            return [ErrorItem("storage", error.title, "a store that answers and lets us in", error.remedy)]
        return []

    def _no_container(self, error: TuneGateError) -> TuneGateError:
        """Where something is put, only the container can be missing."""
        return unreachable(self._place) if error.code == "storage_missing" else error
