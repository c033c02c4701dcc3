"""The record of a synthesis and the origins of its rows, put together from what was asked and what stayed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from service.clock import now
from service.data import RuleFiles
from service.evaluate.counting import counted_by
from service.evaluate.models import Model
from service.records.conversion import WrittenFile
from service.records.identity import record_id
from service.records.lint_report import LintReport
from service.records.synthesis import (
    PassedOver,
    RowProvenance,
    SourceCoverage,
    Spent,
    SynthDiversity,
    SynthReport,
    Why,
)
from service.synth.chunks import Chunk
from service.synth.line import WritingLine
from service.synth.purse import Amount
from service.synth.rulebook import Limits, by_name
from service.synth.sources import Source
from service.synth.spread import spread
from service.synth.writing import Outcome
from service.verbs.redacting.options import not_scanned
from service.verbs.synthesizing.files import Hashed
from service.verbs.synthesizing.material import Material
from service.verbs.synthesizing.request import SynthRequest

_FEW, _ONE_SIDED, _LINT = "SYN-210", "SYN-220", "SYN-230"
_STOPPED = {
    "budget": "the budget is used up",
    "stalled": "too many replies in a row gave no row",
    None: "everything that can be asked was asked",
}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """All that a record is of."""

    request: SynthRequest
    model: Model
    material: Material
    outcome: Outcome
    line: WritingLine
    spent: Amount


def record_of(
    made: Made,
    rows: Hashed | None,
    kept: Hashed | None,
    report: LintReport | None,
    figures: Limits,
    rules: RuleFiles,
) -> SynthReport:
    """The record; `rows` and `kept` are the files of the rows and of their origins, null where nothing stayed."""
    request, outcome = made.request, made.outcome
    measured = spread([(one.written.question, one.written.answer) for one in outcome.rows], seed=request.seed)
    why = _why(made, measured, report, figures)
    sources = _coverage(made)
    ids = by_name(rules)
    record = SynthReport(
        id="",
        made_at=now(),
        rules_revision=rules.revision,
        kind=request.kind,
        verdict="fail" if why else "pass",
        why=why,
        target=request.target,
        model=made.model.described() | {"answered_as": sorted(_answered_as(made))},
        settings=_settings(made),
        rows=made.material.rows,
        output=WrittenFile(str(request.out), rows.sha256, rows.bytes, len(outcome.rows)) if rows else None,
        provenance_sha256=kept.sha256 if kept else None,
        sources=sources,
        coverage=_share(sum(one.covered for one in sources), sum(one.chunks for one in sources)),
        passed_over=made.material.passed_over,
        templates=_counted(one.ask.template.id for one in outcome.rows),
        rejected={ids[name]: count for name, count in sorted(outcome.rejected.items())},
        failed=dict(sorted(made.line.failed.items())),
        redacted=dict(sorted(made.material.redacted.items())),
        personal=dict(sorted(outcome.personal.items())),
        limits=figures.told(),
        diversity=measured,
        lint_report=report.id if report is not None else None,
        spent=Spent(
            requests=made.spent.requests,
            tokens=made.spent.tokens,
            usd=round(made.spent.usd, 6) if made.model.usd_per_million is not None else None,
        ),
        not_scanned=[PassedOver(one.what, one.why) for one in not_scanned(request.redaction)],
    )
    return msgspec.structs.replace(record, id=identity_of(record))


def origins(made: Made, lines: Sequence[bytes]) -> Iterator[RowProvenance]:
    """Where each row comes from; `lines` are the rows as they are written."""
    material, request = made.material, made.request
    for number, (row, line) in enumerate(zip(made.outcome.rows, lines, strict=True), 1):
        chunk = material.chunks[row.ask.unit] if material.chunks else None
        source = material.documents[chunk.document] if chunk is not None else None
        yield RowProvenance(
            row=number,
            sha256=hashlib.sha256(line).hexdigest(),
            template=row.ask.template.id,
            type=row.ask.template.type,
            document=source.name if source is not None else None,
            document_sha256=source.sha256 if source is not None else None,
            chunk=chunk.number if chunk is not None else None,
            start=chunk.start if chunk is not None else None,
            end=chunk.end if chunk is not None else None,
            topic=material.topics[row.ask.unit] if material.topics else None,
            persona=row.ask.persona,
            prompt_sha256=row.ask.prompt_sha256,
            model=made.model.name,
            endpoint=str(made.model.endpoint),
            answered_as=row.answered_as,
            seed=request.seed,
            try_=row.try_,
            redacted=chunk.redacted if chunk is not None else 0,
            **_pages(source, chunk),
        )


def _pages(source: Source | None, chunk: Chunk | None) -> dict[str, Any]:
    """The pages on which a chunk begins and ends, of a PDF."""
    if source is None or chunk is None or not source.pages:
        return {}
    pages = {"page": source.page_at(chunk.start), "last_page": source.page_at(chunk.end - 1)}
    return {name: page for name, page in pages.items() if page is not None}


def identity_of(record: SynthReport) -> str:
    """The id that a record has by what it says."""
    content: dict[str, Any] = msgspec.to_builtins(record)
    for name in ("output", "spent", "failed"):
        content.pop(name)
    content["output"] = record.output.sha256 if record.output is not None else None
    return record_id(content)


def _settings(made: Made) -> dict[str, Any]:
    request, material = made.request, made.material
    told: dict[str, Any] = {
        "seed": request.seed,
        "temperature": request.temperature,
        "max_new_tokens": request.max_new_tokens,
        "system_sha256": hashlib.sha256(request.system.encode()).hexdigest() if request.system else None,
        "personal": request.personal,
        "redaction": request.redaction.told(),
        "budgets": msgspec.to_builtins(request.budgets),
    }
    if request.kind == "coverage":
        return told | {"chunk_tokens": request.chunk_tokens, "tokens_by": counted_by()}
    return told | {"grid_sha256": material.grid_sha256, "cells": material.cells}


def _answered_as(made: Made) -> set[str]:
    return {one.answered_as for one in made.outcome.rows if one.answered_as is not None}


def _coverage(made: Made) -> list[SourceCoverage]:
    rows = Counter(one.ask.unit for one in made.outcome.rows)
    if not made.material.chunks:
        return [
            SourceCoverage(name=topic, chunks=1, covered=int(rows[place] > 0), rows=rows[place])
            for place, topic in enumerate(made.material.topics)
        ]
    found = []
    # in the order of the documents, as they were cut
    cut = {place: list(of_it) for place, of_it in groupby(enumerate(made.material.chunks), lambda one: one[1].document)}
    for place, source in enumerate(made.material.documents):
        chunks = cut.get(place, [])
        found.append(
            SourceCoverage(
                name=source.name,
                sha256=source.sha256,
                bytes=source.bytes,
                chunks=len(chunks),
                covered=sum(rows[n if one.repeats is None else one.repeats] > 0 for n, one in chunks),
                repeated=sum(one.repeats is not None for _, one in chunks),
                rows=sum(rows[n] for n, _ in chunks),
            )
        )
    return found


def _why(made: Made, measured: SynthDiversity | None, report: LintReport | None, figures: Limits) -> list[Why]:
    """Why the set does not pass, by rule; empty where it does."""
    found, rows, wanted = [], len(made.outcome.rows), made.material.rows
    if rows < wanted:
        ended = _STOPPED.get(made.outcome.stopped, str(made.outcome.stopped))
        found.append(Why(_FEW, f"{rows:,} of {wanted:,} rows: {ended}"))
    if measured is not None:
        least, most = figures.least_distinct_2.value, figures.most_self_similarity.value
        if measured.distinct_2 < least:
            found.append(Why(_ONE_SIDED, f"distinct-2 of the answers is {measured.distinct_2:g}, below {least:g}"))
        if measured.self_similarity > most:
            found.append(Why(_ONE_SIDED, f"self-similarity is {measured.self_similarity:g}, above {most:g}"))
    if report is not None and report.verdict == "fail":
        counts = ", ".join(f"{rule} x {count}" for rule, count in sorted(report.counts.items()))
        found.append(Why(_LINT, f"{report.summary.errors:,} lint error(s) for {report.target}: {counts}"))
    return found


def _counted(names: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
