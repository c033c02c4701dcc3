"""What holds for the report on any bytes; the fuzzer and the property tests judge by it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from service.data import rule_files
from service.errors import TuneGateError
from service.lint.catalogue import documentation, entries
from service.records.lint_report import Finding, LintReport
from service.verbs.lint import METHODS, LintInput, LintRequest, lint
from service.verbs.linting.output import RENDERERS, render

# stands in rows wherever a text may stand; letters and digits only, so that no escape can hide it
CANARY = "zqCanary7731"
TARGETS = ("azure-openai", "openai", "azure-serverless", "local", "trl", "kaito")
RULES = rule_files()
# the beginnings of gzip, zstd and Parquet: what is damaged behind them cannot be read
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1")


class BrokenLawError(AssertionError):
    """A law that a report breaks."""


def judge(
    raw: bytes, target: str = "azure-openai", method: str = "sft", most: int = 20, *, twice: bool = True
) -> LintReport | None:
    """The report on some bytes, or None for packed bytes that are damaged.

    Raises:
        BrokenLawError: naming the law.
    """
    report = _report(raw, target, method, most)
    if report is None:
        return None
    for name, kept in _laws(raw, report, most):
        if not kept:
            raise BrokenLawError(f"{name}: target {target}, method {method}")
    for name, text in renderings(report).items():
        if CANARY in text:
            raise BrokenLawError(f"no text of a row in {name}: target {target}, method {method}")
    if twice and _report(raw, target, method, most) != report:
        raise BrokenLawError(f"linting twice gives one report: target {target}, method {method}")
    return report


def renderings(report: LintReport) -> dict[str, str]:
    """The report in every format."""
    return {"json": msgspec.json.encode(report).decode()} | {name: render(report, name) for name in RENDERERS}


def seeds() -> Iterator[bytes]:
    """The Example and the Instead of every check as lines, and what only bytes can say."""
    for code in entries():
        for heading in ("Example", "Instead"):
            text = documentation(code)[1][heading]
            if not text.startswith("("):
                yield re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode()) + b"\n"
    row = b'{"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}\n'
    yield from (b"", row * 3, b"\xef\xbb\xbf" + row, row.decode().encode("utf-16"), row.decode().encode("utf-32"))
    yield from (row.replace(b"\n", b"\r\n") * 2, b"[" + row.strip() + b"," + row.strip() + b"]")
    yield json.dumps(json.loads(row), indent=2).encode()
    yield gzip.compress(row * 3)


def _report(raw: bytes, target: str, method: str, most: int) -> LintReport | None:
    request = LintRequest(inputs=[LintInput(None, "-")], target=target, method=method, max_findings=most, parquet=True)
    try:
        return lint(request, rules=RULES, stdin=io.BytesIO(raw))
    except TuneGateError as error:
        if raw.startswith(_PACKED) and error.code == "unreadable_path":
            return None
        raise


def _laws(raw: bytes, report: LintReport, most: int) -> Iterator[tuple[str, bool]]:
    summary, listed = report.summary, Counter(finding.rule for finding in report.findings)
    yield "the methods are those of the contract", report.method in METHODS
    yield "fail means that an error is left", (report.verdict == "fail") == (summary.errors > 0)
    total = summary.errors + summary.warnings + summary.infos
    yield "the counts add up to the summary", sum(report.counts.values()) == total
    yield "what is listed and what is left out are all", listed + Counter(report.truncated) == Counter(report.counts)
    yield "no rule lists more than asked for", not most or all(count <= most for count in listed.values())
    cut = {rule for rule, count in report.counts.items() if most and count > most}
    yield "only rules with more findings are cut", set(report.truncated) == cut
    by_severity = Counter(finding.severity for finding in report.findings)
    counted = {"error": summary.errors, "warning": summary.warnings, "info": summary.infos}
    yield "no more is listed than counted", all(by_severity[name] <= count for name, count in counted.items())
    yield "findings are sorted", report.findings == sorted(report.findings, key=_order)
    lines = render(report, "github").splitlines()
    commands = sum(line.startswith("::") for line in lines)
    yield "a finding is one workflow command", commands == len(report.findings)
    yield "a workflow command is one line", len(lines) == commands + len(report.truncated) + 1
    yield "pointers are JSON Pointers", all(f.pointer is None or f.pointer.startswith("/") for f in report.findings)
    if not raw.startswith(_PACKED):
        yield from _laws_of_places(raw, report)


def _laws_of_places(raw: bytes, report: LintReport) -> Iterator[tuple[str, bool]]:
    (file,) = report.files
    yield (
        "size and hash are those of the bytes",
        (file.bytes, file.sha256) == (len(raw), hashlib.sha256(raw).hexdigest()),
    )
    ends = raw.count(b"\n") + 1
    yield "there are no more rows than lines", 0 <= file.rows <= ends
    yield "a line is one of the file", all(f.line is None or 1 <= f.line <= ends for f in report.findings)
    yield "an offset begins a line", all(_begins_a_line(raw, f) for f in report.findings if f.byte_offset is not None)


def _begins_a_line(raw: bytes, finding: Finding) -> bool:
    start = finding.byte_offset or 0
    marked = start == 3 and raw.startswith(b"\xef\xbb\xbf")
    number = raw.count(b"\n", 0, start) + 1
    return number == finding.line and (start == 0 or marked or raw[start - 1 : start] == b"\n")


def _order(finding: Finding) -> tuple[int, str, str]:
    return finding.line or 0, finding.rule, finding.pointer or ""
