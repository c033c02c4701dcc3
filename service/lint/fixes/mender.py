"""Mends one row: the fixes whose rule finds something in it, as long as they break no other rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from service.lint.check import Check, Hit, Row
from service.lint.fixes.exact import read, written
from service.lint.fixes.fix import DropRow, RowFix
from service.lint.schemas_given import ROW_SCHEMA, SCHEMA_CODES
from service.lint.views import View, views
from service.records.lint_report import Severity

# rule, JSON Pointer or None for the whole row, what was done
Done = tuple[str, str | None, str]
_ROUNDS = 8


class Mended(msgspec.Struct, frozen=True):
    """The row as it is written, None when it is left out, and what was done to it."""

    line: bytes | None
    done: list[Done] = []


class Mender:
    """The row fixes of one target.

    `checks` are all row checks that count for it, by code, with their severities; `row` builds what they look at.
    """

    def __init__(
        self,
        fixes: Sequence[RowFix],
        checks: dict[str, tuple[Check, Severity]],
        row: Callable[[dict[str, Any]], Row],
        *,
        method: str,
    ) -> None:
        self._fixes = fixes
        self._checks = checks
        # a hit may count less than its rule, never more; a schema that was given is kept, whatever it counts
        self._strict = [code for code, (_, severity) in checks.items() if severity == "error" or code in SCHEMA_CODES]
        self._row = row
        self._method = method

    def mend(self, line: bytes) -> Mended:
        """The line byte for byte unless a fix changes it; what is no row stays as it is.

        Mending twice changes nothing more: what one fix makes possible for another is done in a further round.
        """
        new, done = line, list[Done]()
        try:
            for _ in range(_ROUNDS):
                more = self._round(new)
                if more is None:
                    break
                new, done = more[0], done + more[1]
        except DropRow as left_out:
            code, did = left_out.args
            return Mended(None, [(code, None, did)])
        except (ValueError, RecursionError):
            pass
        return Mended(new, done)

    def _round(self, line: bytes) -> tuple[bytes, list[Done]] | None:
        """(the line mended, what was done), None when there is nothing to do."""
        data = _decoded(line)
        if data is None or not any(self._finds(fix.code, data) for fix in self._fixes):
            return None
        again = read(line)
        done = self._all(again)
        if done is None:
            again = read(line)
            done = self._one_by_one(again)
        return (written(again, like=line).encode(), done) if done else None

    def _all(self, data: dict[str, Any]) -> list[Done] | None:
        """Every fix in its order; None when an error is found afterwards that was not found before."""
        kept = not self._breaks_schema(data)
        done = [one for fix in self._fixes if fix.reveals for one in self._apply(fix, data)]
        errors = self._errors(data)
        done += [one for fix in self._fixes if not fix.reveals for one in self._apply(fix, data)]
        found = self._errors(data)
        return None if found - errors or (kept and found[ROW_SCHEMA]) else done

    def _one_by_one(self, data: dict[str, Any]) -> list[Done]:
        """The same, leaving out every fix that alone brings an error."""
        done: list[Done] = []
        errors = self._errors(data)
        for fix in self._fixes:
            before = read(written(data))
            new = list(self._apply(fix, data))
            found = self._errors(data) if new else errors
            # the schema of the row sees all of it, so nothing that it refuses can have been hidden
            broken = found[ROW_SCHEMA] and not errors[ROW_SCHEMA]
            if broken or (found - errors and not fix.reveals):
                data.clear()
                data.update(before)
                continue
            done += new
            errors = found
        return done

    def _apply(self, fix: RowFix, data: dict[str, Any]) -> Iterator[Done]:
        if not self._finds(fix.code, data):
            return
        try:
            for view in self._views(fix.code, data):
                for pointer in fix.mend(view.row):
                    yield fix.code, view.pointer(pointer), fix.did
        except DropRow:
            raise DropRow(fix.code, "left the row out") from None

    def _breaks_schema(self, data: dict[str, Any]) -> bool:
        """Whether the row breaks the schema that was given for rows."""
        return ROW_SCHEMA in self._checks and self._finds(ROW_SCHEMA, data)

    def _finds(self, code: str, data: dict[str, Any]) -> bool:
        return any(True for _ in self._hits(code, data))

    def _hits(self, code: str, data: dict[str, Any]) -> Iterator[Hit]:
        for view in self._views(code, data):
            yield from self._checks[code][0].find(view.row)

    def _errors(self, data: dict[str, Any]) -> Counter[str]:
        """How often each rule finds an error."""
        return Counter(
            code for code in self._strict for hit in self._hits(code, data) if hit.severity in {None, "error"}
        )

    def _views(self, code: str, data: dict[str, Any]) -> list[View]:
        return [view for view in views(data, self._method, self._row) if view.takes(code)]


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        data = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
