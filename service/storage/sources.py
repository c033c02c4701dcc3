"""Datasets named by URL: below the operator's prefixes alone, read in parts, as they were when they were found."""

from __future__ import annotations

from service.errors import ErrorItem, TuneGateError
from service.storage.bucket import Bucket
from service.storage_settings import SOURCES, URLS, Address, DatasetSource, address_of

_PLACE = "The source"
_PART_BYTES = 4 << 20
# what the source itself says of what was asked for
_NOT_READABLE = {
    "storage_missing": "There is nothing under this URL, or it was changed while it was read.",
    "storage_refused": "The service's credentials may not read this URL.",
}


class Source:
    """One object elsewhere; it has `bytes` bytes."""

    def __init__(self, address: Address) -> None:
        """Find it.

        Raises:
            TuneGateError: `source_unreadable`, `storage_unreachable`.
        """
        container = Address(address.scheme, address.container, address.account, "")
        self._bucket, self._key = Bucket(container, place=_PLACE), address.path
        try:
            self.bytes, self._tag = self._bucket.head(self._key)
        except TuneGateError as error:
            raise _unreadable(error) from error

    def part(self, start: int) -> bytes:
        """Bytes from an offset on, none at the end.

        Raises:
            TuneGateError: `source_unreadable`, `storage_unreachable`.
        """
        if start >= self.bytes:
            return b""
        try:
            return self._bucket.part(self._key, start, min(start + _PART_BYTES, self.bytes), self._tag)
        except TuneGateError as error:
            raise _unreadable(error) from error


def allowed(url: str, sources: tuple[DatasetSource, ...], project: str) -> Address:
    """What a project may read under a URL.

    Raises:
        TuneGateError: `source_not_allowed`; the URL is not repeated, for it may hold a signature.
    """
    address = address_of(url)
    mine = [one.address for one in sources if one.project in {None, project}]
    if address is None or not address.path or not any(one.holds(address) for one in mine):
        seen = "not the URL of an object" if address is None or not address.path else "a URL outside of them"
        raise TuneGateError(
            "source_not_allowed",
            "The dataset is not named by a URL that the operator allows.",
            remedy=f"Send its lines as the body, or ask the operator to add its prefix to {SOURCES}.",
            errors=[ErrorItem("from", seen, f"{URLS}, below one of the operator's prefixes")],
        )
    return address


def _unreadable(error: TuneGateError) -> TuneGateError:
    if error.code not in _NOT_READABLE:
        return error
    remedy = "Look at the URL, and at what the service's account may read."
    return TuneGateError("source_unreadable", _NOT_READABLE[error.code], remedy=remedy)
