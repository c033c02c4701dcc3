"""Vectorscan databases of many expressions: made, kept as bytes, loaded, and asked by several threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import msgspec

from service.privacy.expressions import DOTALL, IGNORECASE, MULTILINE
from service.privacy.plan import Expression


class Database:
    """Says which expressions match somewhere in some bytes; inside are one or several of Vectorscan's own."""

    def __init__(self, databases: Sequence[Any], hyperscan: Any) -> None:
        self._databases = tuple(databases)
        self._hyperscan = hyperscan
        self._scratches = threading.local()

    @classmethod
    def of(
        cls,
        expressions: Sequence[Expression],
        *,
        unicode_classes: bool,
        exact: Sequence[str] = (),
        together: int | None = None,
    ) -> Database:
        """Compile (seconds). Expressions are numbered from 0; `exact` ones, single classes, go on from there.

        With `unicode_classes` word boundaries can only be dropped (a prefilter), without them they are exact, but
        right in ASCII text alone: hence a database for each. At most `together` expressions (None = all) are made
        into one of Vectorscan's databases: its time to compile grows faster than their number.

        Raises:
            hyperscan.error: an expression that it does not know.
        """
        import hyperscan

        flags = [_flags(hyperscan, one.flags) for one in expressions]
        coded = [one.text.encode() for one in expressions]
        if unicode_classes:
            extra = hyperscan.HS_FLAG_UCP | hyperscan.HS_FLAG_PREFILTER
            flags = [flag | extra for flag in flags]
        else:
            flags = [_exact_or_prefilter(hyperscan, one, flag) for one, flag in zip(coded, flags, strict=True)]
        coded += [one.encode() for one in exact]
        flags += [_flags(hyperscan, 0) | (hyperscan.HS_FLAG_UCP if unicode_classes else 0)] * len(exact)
        step = together or len(coded)
        return cls(
            [
                _compiled(hyperscan, coded[first : first + step], flags[first : first + step], first)
                for first in range(0, len(coded), step)
            ],
            hyperscan,
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Database:
        """Load what `to_bytes` gave, on the same machine: the caller vouches for the bytes, nobody checks them.

        Raises:
            hyperscan.error: it was made by another version or for another CPU.
        """
        import hyperscan

        parts = msgspec.msgpack.decode(content, type=tuple[bytes, ...])
        return cls([hyperscan.loadb(part, hyperscan.HS_MODE_BLOCK) for part in parts], hyperscan)

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode([self._hyperscan.dumpb(one) for one in self._databases])

    def matching(self, content: bytes) -> list[int]:
        """The numbers of the expressions that match, each once."""
        try:
            scratches = self._scratches.own
        except AttributeError:
            # two scans must not share a scratch
            scratches = self._scratches.own = [self._hyperscan.Scratch(one) for one in self._databases]
        matched: list[int] = []
        for database, scratch in zip(self._databases, scratches, strict=True):
            database.scan(content, match_event_handler=_note, context=matched, scratch=scratch)
        return matched


def compiles(expression: Expression) -> bool:
    """Whether both databases could hold it; one that may match nothing at all cannot be looked for."""
    import hyperscan

    flag = _flags(hyperscan, expression.flags) | hyperscan.HS_FLAG_PREFILTER
    try:
        for more in (0, hyperscan.HS_FLAG_UCP):
            _compiled(hyperscan, [expression.text.encode()], [flag | more], 0)
    except hyperscan.error:
        return False
    return True


def _note(number: int, start: int, end: int, flags: int, matched: list[int]) -> None:
    del start, end, flags
    matched.append(number)


def _flags(hyperscan: Any, regex_flags: int) -> int:
    made: int = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_SINGLEMATCH
    for ours, theirs in (
        (IGNORECASE, hyperscan.HS_FLAG_CASELESS),
        (MULTILINE, hyperscan.HS_FLAG_MULTILINE),
        (DOTALL, hyperscan.HS_FLAG_DOTALL),
    ):
        if regex_flags & ours:
            made |= theirs
    return made


def _exact_or_prefilter(hyperscan: Any, coded: bytes, flag: int) -> int:
    """Lookarounds and references back are only known to a prefilter, which drops them."""
    try:
        _compiled(hyperscan, [coded], [flag], 0)
    except hyperscan.error:
        return flag | int(hyperscan.HS_FLAG_PREFILTER)
    return flag


def _compiled(hyperscan: Any, coded: Sequence[bytes], flags: Sequence[int], first: int) -> Any:
    """One of Vectorscan's databases, its expressions numbered from `first`."""
    database = hyperscan.Database()
    ids = list(range(first, first + len(coded)))
    database.compile(expressions=list(coded), ids=ids, elements=len(coded), flags=list(flags))
    return database
