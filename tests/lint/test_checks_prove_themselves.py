"""Every check is documented, its Example fires, and its Instead is silent for every check."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from random import Random

import pytest
from secret_samples import SAMPLES

from service.data import rule_files
from service.lint.catalogue import HEADINGS, all_checks, documentation, entries, explain
from service.lint.check import COLUMNS
from service.lint.personal import READS
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.privacy import PrivacyRequest

RULES = rule_files()
SOURCES = tomllib.loads(RULES.read("lint-sources.toml").decode())
CODES = list(entries())
# corpus-size and split rules say something about any single row; they are proven in test_corpus.py
ABOUT_THE_SET = {"L001", "L002", "L020", "L090", "X004", "Q010", "F003", "F004", "F007", "G002"}
# a clean row of another shape is still no row for a target that reads chats
NOT_READ = {"F026", "F027", "F028", "F029"}
SCANNED = {code for code, entry in entries().items() if READS in entry.reads}
BY_CODE = {check.code: check for check in all_checks()}


def written(tmp_path: Path, example: str, name: str = "data.jsonl") -> Path:
    r"""The example as a file; \xNN stands for a byte, {SECRET_...} for a secret, which no page may show."""
    example = re.sub(r"\{(SECRET_\w+)\}", lambda match: secret(match[1]), example)
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), example.encode())
    path = tmp_path / name
    path.write_bytes(raw.replace(b'"\\\\ud800"', b'"\\ud800"') + b"\n")
    return path


def secret(name: str) -> str:
    before, made, after = SAMPLES[name][0]
    return f"{before}{made(Random(5))}{after}"


def run(path: Path, target: str, code: str, *, scanned: bool = False) -> LintReport:
    method = BY_CODE[code].methods[0]
    request = LintRequest(
        inputs=[LintInput(path, path.name)], target=target, method=method, max_findings=0, tokens="off",
        privacy=PrivacyRequest(mode="patterns" if scanned else "off"),
    )  # fmt: skip
    return lint(request, rules=RULES)


def firing_target(code: str) -> str:
    return next(target for target, letter in zip(COLUMNS, BY_CODE[code].severity, strict=True) if letter != "-")


@pytest.mark.parametrize("code", CODES)
def test_the_page_has_every_heading_in_order(code: str) -> None:
    title, sections = documentation(code)
    assert title.startswith(f"{code} ")
    assert tuple(sections) == HEADINGS
    assert all(sections.values())
    assert code in str(explain(code))


@pytest.mark.parametrize("code", CODES)
def test_every_source_is_known(code: str) -> None:
    _, sections = documentation(code)
    assert set(sections["References"].split(", ")) <= set(SOURCES)


@pytest.mark.parametrize("check", all_checks(), ids=CODES)
def test_the_severity_covers_every_column(check: object) -> None:
    assert re.fullmatch(f"[EWI-]{{{len(COLUMNS)}}}", str(getattr(check, "severity", "")))


@pytest.mark.parametrize("code", [c for c in CODES if not documentation(c)[1]["Example"].startswith("(")])
def test_the_example_fires(code: str, tmp_path: Path) -> None:
    report = run(
        written(tmp_path, documentation(code)[1]["Example"]), firing_target(code), code, scanned=code in SCANNED
    )
    assert code in report.counts


@pytest.mark.parametrize("target", ["azure-openai", "openai", "azure-serverless", "local", "trl", "kaito"])
@pytest.mark.parametrize("code", CODES)
def test_the_instead_is_silent_for_every_check(code: str, target: str, tmp_path: Path) -> None:
    instead = documentation(code)[1]["Instead"]
    report = run(written(tmp_path, instead), target, code, scanned=target == "azure-openai")
    # what these trainers want of tool arguments is the opposite of what the hosted services want
    noise = {"T012", "T013"} if target in {"trl", "kaito"} else set()
    if '"messages"' not in instead:
        noise |= NOT_READ
    assert set(report.counts) - ABOUT_THE_SET - noise == set()
