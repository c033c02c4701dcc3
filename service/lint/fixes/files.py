"""Writes the mended copy of a file with its change log: what was changed, where, by which rule; never the text."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from service.lint.fixes.rows import SAFE, Fixer
from service.lint.fixes.unsafe import ALSO, UNSAFE, DropRow


class Change(msgspec.Struct, frozen=True):
    """One change; `line` counts in the file that was read."""

    rule: str
    line: int
    pointer: str | None
    did: str


class Fixed(msgspec.Struct, frozen=True):
    """The mended content and what was done to it."""

    content: bytes
    changes: list[Change]

    @property
    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(change.rule for change in self.changes).items()))


def fix(raw: bytes, codes: set[str], *, unsafe: bool) -> Fixed:
    """Mend every finding of `codes` that has a fix; lines that are no JSON objects stay as they are.

    Mending twice changes nothing more, and the mended findings are gone.
    """
    fixers = _chosen(codes, unsafe=unsafe)
    changes: list[Change] = []
    written: list[bytes] = []
    seen: set[bytes] = set()
    for number, line in enumerate(_lines(raw, codes, changes), 1):
        if not line.strip():
            if "F011" in codes:
                changes.append(Change("F011", number, None, "left the blank line out"))
                continue
            written.append(line)
            continue
        mended = _row(line, number, fixers, changes)
        if mended is None:
            continue
        if "Q001" in codes and mended.strip() in seen:
            changes.append(Change("Q001", number, None, "left the repeated row out"))
            continue
        seen.add(mended.strip())
        written.append(mended)
    return Fixed(b"".join(line + b"\n" for line in written), changes)


def _chosen(codes: set[str], *, unsafe: bool) -> dict[str, Fixer]:
    wanted = codes | {ALSO[code] for code in codes if code in ALSO}
    fixers = {**SAFE, **(UNSAFE if unsafe else {})}
    return {code: fixer for code, fixer in fixers.items() if code in wanted}


def _lines(raw: bytes, codes: set[str], changes: list[Change]) -> Iterator[bytes]:
    if raw.startswith(codecs.BOM_UTF8) and "F004" in codes:
        raw = raw.removeprefix(codecs.BOM_UTF8)
        changes.append(Change("F004", 1, None, "left the byte-order mark out"))
    lines = raw.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if line.endswith(b"\r") and "F012" in codes:
            changes.append(Change("F012", number, None, "left the carriage return out"))
            yield line[:-1]
        else:
            yield line


def _row(line: bytes, number: int, fixers: dict[str, Fixer], changes: list[Change]) -> bytes | None:
    """The mended line, the line itself where nothing was mended, None where the row is left out."""
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(data, dict):
        return line
    before = len(changes)
    try:
        for code, fixer in fixers.items():
            summary = (fixer.__doc__ or "").partition(": ")[2].rstrip(".")
            changes += [Change(code, number, place, summary) for place in fixer(data)]
    except DropRow:
        del changes[before:]
        changes.append(Change("R022", number, None, "left the row out"))
        return None
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass") if len(changes) > before else line
