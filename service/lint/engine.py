"""Runs the checks of a target over files and writes the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from service.lint.catalogue import all_checks
from service.lint.check import Check, CorpusFacts, FileFacts, Hit, Line, Row, SplitFacts
from service.lint.fast import plainly_clean
from service.lint.profile import Profile
from service.lint.reader import Source
from service.lint.tally import Tally
from service.records.lint_report import Finding, LintedFile, Role

# checks of files and of preference rows read the whole row, the others its conversation
_OF_WHOLE_ROWS = "FD"


class Collector:
    """Counts every finding, keeps the first ones of each rule (files and lines come in order)."""

    def __init__(self, profile: Profile, *, chosen: set[str], most: int, method: str = "sft") -> None:
        self._severity = {check.code: profile.severity_of(check) for check in all_checks()}
        self._most = most
        self.counts: Counter[str] = Counter()
        self.kept: dict[str, list[Finding]] = {}
        self.errors: Counter[str] = Counter()
        self.checks = [
            check
            for check in all_checks()
            if check.code in chosen and self._severity[check.code] is not None and method in check.methods
        ]

    def of(self, scope: str) -> list[Check]:
        """The checks of one scope that count for this target."""
        return [check for check in self.checks if check.scope == scope]

    def add(self, check: Check, path: str, hit: Hit, *, line: int | None = None, offset: int | None = None) -> bool:
        """Count a hit; returns whether it is an error."""
        severity = hit.severity or self._severity[check.code]
        assert severity is not None
        self.counts[check.code] += 1
        self.errors[severity] += 1
        kept = self.kept.setdefault(check.code, [])
        if not self._most or len(kept) < self._most:
            kept.append(
                Finding(
                    rule=check.code,
                    severity=severity,
                    path=path,
                    line=line if line is not None else hit.line,
                    byte_offset=offset,
                    pointer=hit.pointer,
                    message=hit.message,
                    fix=check.fix,
                )
            )
        return severity == "error"

    def counts_nothing_for(self, code: str) -> bool:
        """Whether a check is off for this target, method or choice."""
        return all(check.code != code for check in self.checks)

    def total(self, severity: str) -> int:
        """All findings of a severity, kept or not."""
        return self.errors[severity]


class Linter:
    """One corpus for one target: feed it files, then finish."""

    def __init__(self, profile: Profile, collector: Collector, *, method: str = "sft", model: str = "") -> None:
        self._profile = profile
        self._collector = collector
        self._method = method
        self._model = model
        self._limits = profile.limit_values(model)
        self._weights_count = collector.counts_nothing_for("R033")
        self._line_checks = collector.of("line")
        self._row_checks = collector.of("row")
        self._explaining = [check for check in self._line_checks if not check.fallback]
        self._fallback = [check for check in self._line_checks if check.fallback]
        self.files: list[LintedFile] = []
        self.tallies: list[tuple[Role, Tally]] = []

    def read(self, source: Source, role: Role) -> None:
        """Lint every line of one file."""
        tally = Tally(source.name)
        number, pending = 0, None
        for offset, line, held in source.lines():
            number += 1
            if pending is not None:
                self._blank(*pending, source.name)
                pending = None
            if not line.strip():
                pending = (number, offset, line)
                continue
            chat = None
            if self._method == "sft":
                chat = plainly_clean(line, weights=self._weights_count, gated=held)
            if chat is not None:
                tally.clean(line, number, chat)
            else:
                self._slow(line, number, offset, tally)
        self.files.append(LintedFile(source.name, role, source.sha256, source.bytes, tally.rows))
        self.tallies.append((role, tally))
        self._file(source, tally)

    def finish(self, corpora: list[tuple[str, CorpusFacts]], split: SplitFacts, split_path: str) -> None:
        """The checks of whole corpora and of training against validation."""
        for path, facts in corpora:
            for check in self._collector.of("corpus"):
                for hit in check.find(facts):
                    self._collector.add(check, path, hit)
        for check in self._collector.of("split"):
            for hit in check.find(split):
                where = hit.pointer or split_path
                self._collector.add(check, where, msgspec.structs.replace(hit, pointer=None))

    def _file(self, source: Source, tally: Tally) -> None:
        facts = FileFacts(
            name=source.name,
            bytes=source.bytes,
            rows=tally.rows,
            bom=source.bom,
            encoding=source.encoding,
            limits=self._limits,
            bom_policy=self._profile.byte_order_mark,
            crlf=source.crlf,
        )
        for check in self._collector.of("file"):
            for hit in check.find(facts):
                self._collector.add(check, source.name, hit)

    def _blank(self, number: int, offset: int, raw: bytes, path: str) -> None:
        line = Line(raw=raw, number=number, data=None, error=None)
        for check in self._line_checks:
            if check.code == "F011":
                for hit in check.find(line):
                    self._collector.add(check, path, hit, line=number, offset=offset)

    def _slow(self, raw: bytes, number: int, offset: int, tally: Tally) -> None:
        data, error = _decode(raw)
        line = Line(raw=raw, number=number, data=data, error=error)
        found = list(self._line_hits(line))
        if isinstance(data, dict):
            found += self._row_hits(data)
        wrong = [self._collector.add(check, tally.path, hit, line=number, offset=offset) for check, hit in found]
        tally.other(raw, number, data, valid=error is None and isinstance(data, dict) and not any(wrong))

    def _row_hits(self, data: dict[str, Any]) -> Iterator[tuple[Check, Hit]]:
        """The checks of a row; of preference data, chat checks read the input."""
        whole = self._row(data)
        nested = data.get("input") if self._method == "dpo" else None
        for check in self._row_checks:
            if isinstance(nested, dict) and check.code[0] not in _OF_WHOLE_ROWS:
                for hit in check.find(self._row(nested)):
                    place = f"/input{hit.pointer}" if hit.pointer else "/input"
                    yield check, msgspec.structs.replace(hit, pointer=place)
            else:
                yield from ((check, hit) for hit in check.find(whole))

    def _row(self, data: dict[str, Any]) -> Row:
        return Row(
            data,
            strict=self._profile.strict_alternation,
            arguments=self._profile.arguments,
            limits=self._limits,
            method=self._method,
            model=self._model,
        )

    def _line_hits(self, line: Line) -> Iterator[tuple[Check, Hit]]:
        explained = [(check, hit) for check in self._explaining for hit in check.find(line)]
        yield from explained
        if line.error is not None and not explained:
            yield from ((check, hit) for check in self._fallback for hit in check.find(line))


def _decode(raw: bytes) -> tuple[Any, str | None]:
    """(data, None) or (None, why it is not JSON); the reason never quotes the line."""
    try:
        return msgspec.json.decode(raw), None
    except UnicodeDecodeError:
        return None, "invalid UTF-8"
    except RecursionError:
        return None, "nested too deep to read"
    except ValueError as error:
        # msgspec names a position or the kind of damage, and quotes no content for JSON that is malformed
        return None, str(error).removeprefix("JSON is malformed: ")
