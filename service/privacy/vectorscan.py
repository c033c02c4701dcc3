"""A Vectorscan database of many expressions: made, kept as bytes, loaded, and asked by several threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from service.privacy.expressions import DOTALL, IGNORECASE, MULTILINE
from service.privacy.plan import Expression


class Database:
    """Says which expressions match somewhere in some bytes."""

    def __init__(self, database: Any, hyperscan: Any) -> None:
        self._database = database
        self._hyperscan = hyperscan
        self._scratch = threading.local()

    @classmethod
    def of(cls, expressions: Sequence[Expression], *, unicode_classes: bool, exact: Sequence[str] = ()) -> Database:
        """Compile (seconds). Expressions are numbered from 0; `exact` ones, of named code points, go on from there.

        With `unicode_classes` word boundaries can only be dropped (a prefilter), without them they are exact, but
        right in ASCII text alone: hence a database for each.

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
        flags += [_flags(hyperscan, 0)] * len(exact)
        return cls(_compiled(hyperscan, coded, flags), hyperscan)

    @classmethod
    def from_bytes(cls, content: bytes) -> Database:
        """Load what `to_bytes` gave, on the same machine: the caller vouches for the bytes, nobody checks them.

        Raises:
            hyperscan.error: it was made by another version or for another CPU.
        """
        import hyperscan

        return cls(hyperscan.loadb(content, hyperscan.HS_MODE_BLOCK), hyperscan)

    def to_bytes(self) -> bytes:
        content: bytes = self._hyperscan.dumpb(self._database)
        return content

    def matching(self, content: bytes) -> list[int]:
        """The numbers of the expressions that match, each once."""
        try:
            scratch = self._scratch.own
        except AttributeError:
            # two scans must not share a scratch
            scratch = self._scratch.own = self._hyperscan.Scratch(self._database)
        matched: list[int] = []
        self._database.scan(content, match_event_handler=_note, context=matched, scratch=scratch)
        return matched


def compiles(expression: Expression) -> bool:
    """Whether both databases could hold it; one that may match nothing at all cannot be looked for."""
    import hyperscan

    flag = _flags(hyperscan, expression.flags) | hyperscan.HS_FLAG_PREFILTER
    try:
        for more in (0, hyperscan.HS_FLAG_UCP):
            _compiled(hyperscan, [expression.text.encode()], [flag | more])
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
        _compiled(hyperscan, [coded], [flag])
    except hyperscan.error:
        return flag | int(hyperscan.HS_FLAG_PREFILTER)
    return flag


def _compiled(hyperscan: Any, coded: Sequence[bytes], flags: Sequence[int]) -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=list(coded), ids=list(range(len(coded))), elements=len(coded), flags=list(flags)
    )  # fmt: skip
    return database
