"""The lint report: what is wrong with a dataset, where, and what was measured; never its text."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.records.decision import FactValue

Severity = Literal["error", "warning", "info"]
FixKind = Literal["safe", "unsafe", "none"]
Role = Literal["train", "validation"]


class LintedFile(msgspec.Struct, frozen=True):
    """One input; `path` is "-" for stdin and HTTP."""

    path: str
    role: Role
    sha256: str
    bytes: int
    rows: int


class PersonalPlace(msgspec.Struct, frozen=True):
    """Where personal data or a secret stands in the text at a pointer: characters `start` to `end` (excluded).

    `value` is the beginning of a keyed hash: equal values have equal ones in reports made with the same key, and nobody
    can tell the value from it.
    """

    entity: str
    start: int
    end: int
    score: float
    value: str


class Finding(msgspec.Struct, frozen=True):
    """One finding. Lines count from 1; line, byte_offset and pointer are null for a whole file.

    `personal` is there where a rule of the privacy scan names one place in a text.
    """

    rule: str
    severity: Severity
    path: str
    line: int | None
    byte_offset: int | None
    pointer: str | None
    message: str
    fix: FixKind = "none"
    personal: PersonalPlace | msgspec.UnsetType = msgspec.UNSET


class Summary(msgspec.Struct, frozen=True):
    errors: int
    warnings: int
    infos: int


class NotScanned(msgspec.Struct, frozen=True):
    what: str
    why: str


class Bin(msgspec.Struct, frozen=True):
    """`rows` rows have a length from `low` to `high` tokens, both included."""

    low: int
    high: int
    rows: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """How the training rows are distributed: counts for charts, never text.

    `epochs` is what the vendors' heuristic gives for this many rows, `system_prompts` and `labels` are the sizes of
    the largest groups, `turns` counts rows by their messages beside the system's, `languages` by ISO 639-1 code;
    `personal` counts by entity what the privacy scan found in all files.
    """

    rows: int = 0
    valid: int = 0
    tokens: int = 0
    exact_tokens: bool = False
    epochs: int = 0
    lengths: list[Bin] = []
    turns: dict[str, int] = {}
    shapes: dict[str, int] = {}
    system_prompts: list[int] = []
    labels: list[int] = []
    languages: dict[str, int] = {}
    personal: dict[str, int] = {}


class LintReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report; its id is over file hashes and roles, target, method, options and rules_revision.

    Held against a baseline, verdict, summary, counts, findings and truncated are of the new findings alone; `known`
    counts by rule what the baseline had already, and `baseline` is its id. `rules_run` are the ids that were looked
    for, empty where that is not recorded. `suppressed` counts by rule what rows take back themselves. `synth`
    are the records of the syntheses that wrote rows of it, and `synth_rows` counts the training rows of each.
    """

    schema: Literal["tunegate.lint-report/1"] = "tunegate.lint-report/1"
    id: str
    rules_revision: str
    target: str
    method: str
    model: str | None
    files: list[LintedFile]
    verdict: Literal["pass", "fail"]
    summary: Summary
    counts: dict[str, int]
    findings: list[Finding]
    truncated: dict[str, int]
    facts: dict[str, FactValue]
    not_scanned: list[NotScanned]
    statistics: Statistics | None = None
    rules_run: list[str] = []
    baseline: str | None = None
    known: dict[str, int] = {}
    suppressed: dict[str, int] = {}
    synth: list[str] = []
    synth_rows: dict[str, int] = {}
