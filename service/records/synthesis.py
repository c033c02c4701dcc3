"""What a synthesis made: rows that a model wrote, what they come from, and what was looked at before they stay."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.records.conversion import WrittenFile


class SourceCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """A document (or, of personas, a topic): of its `chunks`, `covered` have a row that stayed.

    `sha256` and `bytes` are of the file as it was read, null of a topic; `repeated` chunks stand elsewhere too.
    """

    name: str
    sha256: str | None = None
    bytes: int | None = None
    chunks: int
    covered: int
    repeated: int = 0
    rows: int = 0


class PassedOver(msgspec.Struct, frozen=True):
    what: str
    why: str


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Over all tries with the same work folder: requests sent, tokens (at most, where nobody said), USD."""

    requests: int
    tokens: int
    usd: float | None = None


class SynthDiversity(msgspec.Struct, frozen=True, kw_only=True):
    """Different pairs of words per pair in the answers, and the mean Jaccard index of rows drawn by the seed."""

    distinct_1: float
    distinct_2: float
    self_similarity: float
    pairs: int


class Why(msgspec.Struct, frozen=True):
    """A rule of `rules/synth-reasons.toml`, and what was seen."""

    rule: str
    says: str


class SynthReport(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a synthesis; it stands beside its file as NAME.synth.json, and the rows' origins as
    NAME.provenance.jsonl. Beside files that are made of those of several syntheses there is a list of records.

    `rejected` counts replies by reason, `failed` requests by code; `rows` were asked for, `output` has what stayed
    (null where nothing did). `limits` are the figures that it was held against. The id is over the content without
    paths, clocks and what was spent. `lint_report` is the report on the rows for `target`.
    """

    schema: Literal["tunegate.synth/1"] = "tunegate.synth/1"
    id: str
    made_at: str
    rules_revision: str
    kind: Literal["coverage", "personas"]
    verdict: Literal["pass", "fail"]
    why: list[Why]
    target: str
    model: dict[str, Any]
    settings: dict[str, Any]
    rows: int
    output: WrittenFile | None
    provenance_sha256: str | None
    sources: list[SourceCoverage]
    coverage: float
    passed_over: list[PassedOver] = []
    templates: dict[str, int]
    rejected: dict[str, int]
    failed: dict[str, int]
    redacted: dict[str, int]
    personal: dict[str, int]
    limits: dict[str, float]
    diversity: SynthDiversity | None
    lint_report: str | None
    spent: Spent
    not_scanned: list[PassedOver] = []


class RowProvenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where one row comes from; line n of the file is of row n.

    `start` and `end` are characters of the source's text (paragraphs, with a blank line between them); `page` and
    `last_page` are the pages of a PDF, from 1, on which they stand. Of a file that
    was made of a synthesis' rows (redacted, converted, mended, or joined with others), `synth` is the id of the record,
    `sha256` the hash of the row as it stands there, and `derived_from` that of the row as the synthesis wrote it, where
    it is another; `row` then counts all rows of the file, and those that no synthesis wrote have no line. Of a row that
    was made when its origin was lost no more is known; of all others there is everything from `template` to `try`.
    """

    row: int
    sha256: str
    template: str | msgspec.UnsetType = msgspec.UNSET
    type: str | msgspec.UnsetType = msgspec.UNSET
    document: str | None = None
    document_sha256: str | None = None
    chunk: int | None = None
    start: int | None = None
    end: int | None = None
    topic: str | None = None
    persona: str | None = None
    prompt_sha256: str | msgspec.UnsetType = msgspec.UNSET
    model: str | msgspec.UnsetType = msgspec.UNSET
    endpoint: str | msgspec.UnsetType = msgspec.UNSET
    answered_as: str | None = None
    seed: int | msgspec.UnsetType = msgspec.UNSET
    try_: int | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="try")
    redacted: int = 0
    page: int | msgspec.UnsetType = msgspec.UNSET
    last_page: int | msgspec.UnsetType = msgspec.UNSET
    synth: str | msgspec.UnsetType = msgspec.UNSET
    derived_from: str | msgspec.UnsetType = msgspec.UNSET
