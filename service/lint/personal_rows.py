"""Which rows of a stretch are looked at for personal data, and what is counted of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from service.lint.catalogue import entries
from service.lint.check import Row
from service.lint.fast import Plain
from service.lint.personal import READS, PrivacyScan
from service.lint.personal_counts import PersonalCounts
from service.lint.suppression import ignored


class Watch:
    """Looks at rows for the checks that are told of personal data.

    Of `codes`, the rules that count, those that name single values say what is counted; where there is none of them, as
    when only P041 is asked for, everything is.
    """

    def __init__(self, scan: PrivacyScan, counts: PersonalCounts, codes: Collection[str]) -> None:
        self._scan = scan
        self._counts = counts
        self._named = {code for code in codes if READS in entries()[code].reads and code != "P040"}

    def chats(self, plain: Plain, lines: Sequence[bytes]) -> None:
        """Plain rows: those that may hold something become suspects, the others are done."""
        may_hold, takes = self._scan.may_hold, self._scan.takes
        clean = 0
        for number, contents in zip(plain.lines, plain.contents, strict=True):
            if not takes(lines[number]):
                continue
            if may_hold(contents):
                plain.suspects[number] = plain.suspects.get(number, frozenset()) | {READS}
            else:
                clean += 1
        self._counts.clean(clean)

    def row(self, row: Row, raw: bytes, number: int) -> bool:
        """Any other row, and plain ones that may hold something; its checks are told through it.

        Returns whether there is anything to tell.
        """
        if not self._scan.takes(raw):
            return False
        found = self._scan.row(row.data)
        row.__dict__[READS] = found
        starts = ignored(row.data)
        kept = [
            one
            for one in found.found
            if (not self._named or one.rule in self._named) and not (starts and one.rule.startswith(starts))
        ]
        self._counts.row(found, kept, number - 1)
        return bool(found.found)

    def unread(self) -> None:
        """A line that is no JSON object: there are no texts to look at."""
        self._counts.unread += 1
