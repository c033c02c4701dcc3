"""Carries a synthesis out: reads and redacts, asks, looks at the replies, lints what stays, and writes all of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.evaluate.answer_log import ANSWERS, LOCK, AnswerLog
from service.evaluate.asker import Progress
from service.evaluate.endpoint import EndpointAsker
from service.evaluate.measures.refusal import refusals
from service.evaluate.models import Model, key_of
from service.files import Staging
from service.privacy.redaction.row import Redactor
from service.records.lint_report import LintReport
from service.records.synthesis import SynthReport
from service.synth.asks import instructions
from service.synth.line import WritingLine
from service.synth.purse import Amount, Purse
from service.synth.rulebook import Limits, limits, templates
from service.synth.screen import Screen
from service.synth.writing import Outcome, Settings, Writing
from service.verbs.evaluating.evaluated import failures, refuse_without_answers
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.synthesizing.files import (
    provenance_path,
    record_path,
    require_room,
    write_lines,
)
from service.verbs.synthesizing.material import Material, material_of
from service.verbs.synthesizing.origins import Origins
from service.verbs.synthesizing.record import Made, origins, record_of
from service.verbs.synthesizing.request import SynthRequest, checked_model


class Synthesized(msgspec.Struct, frozen=True, kw_only=True):
    """The record, the lint report on the rows (null without rows), and the work folder where it was kept."""

    record: SynthReport
    report: LintReport | None
    kept: Path | None


def run(request: SynthRequest, redactor: Redactor, rules: RuleFiles, report: Callable[[Progress], None]) -> Synthesized:
    """As `service.verbs.synth.synth`."""
    made = run_checked(request, checked_model(request, rules), redactor, rules, report)
    if made.record.verdict == "pass":
        _forget(request.folder)
        return msgspec.structs.replace(made, kept=None)
    return made


def run_checked(
    request: SynthRequest, model: Model, redactor: Redactor, rules: RuleFiles, report: Callable[[Progress], None]
) -> Synthesized:
    """The same of a request whose model was checked; the replies stay."""
    require_room(request.out)
    asked, figures = templates(rules), limits(rules)
    material = material_of(request, asked, redactor, rules)
    screen = Screen(
        figures,
        redactor,
        personal=request.personal,
        refused=refusals(rules).refused,
        instructions=instructions(asked),
        sources=[*(one.text for one in material.documents), *_changed(material)],
        pieces=[
            *(one.text[start:end] for one in material.documents for start, end in one.paragraphs),
            *_changed(material),
        ],
    )
    with AnswerLog(request.folder, sync=True) as log:
        outcome, line, spent = _asked(request, model, material, screen, redactor, figures, log, report)
    _refuse_given_up(outcome, line)
    made = _written(request, model, material, outcome, line, spent, figures, rules)
    return Synthesized(record=made.record, report=made.report, kept=request.folder)


def _changed(material: Material) -> list[str]:
    """The chunks as they were sent, where that is not as they stand in the sources."""
    return [one.text for one in material.chunks if one.redacted]


def _asked(
    request: SynthRequest,
    model: Model,
    material: Material,
    screen: Screen,
    redactor: Redactor,
    figures: Limits,
    log: AnswerLog,
    report: Callable[[Progress], None],
) -> tuple[Outcome, WritingLine, Amount]:
    async def ask() -> tuple[Outcome, WritingLine, Amount]:
        asker = EndpointAsker(model, key=key_of(model, os.environ))
        purse = Purse(request.budgets, Amount(log.sent, log.tokens, log.usd))
        workers = model.concurrency or request.concurrency
        line = WritingLine(model, asker, log, purse, workers=workers, seed=request.seed)
        settings = Settings(rows=material.rows, temperature=request.temperature, max_new_tokens=request.max_new_tokens)
        writing = Writing(material.asks, line, screen, redactor, figures, settings, report)
        try:
            return await writing.write(), line, purse.spent
        finally:
            await asker.close()

    return asyncio.run(ask())


def _refuse_given_up(outcome: Outcome, line: WritingLine) -> None:
    """Raises TuneGateError (`no_answers`, `missing_key`) where the endpoint is why there are too few rows."""
    refuse_without_answers([line])
    if outcome.stopped == "given-up":
        found = next((one for one in failures([line]) if one.given_up), None)
        why = f"{found.meaning} ({found.code})" if found is not None else "it answers no more"
        raise TuneGateError(
            "no_answers",
            f"The endpoint was given up after {len(outcome.rows)} row(s): {why}.",
            remedy=f"{found.remedy if found else ''} Nothing was lost: the same command goes on.".strip(),
        )


class _Files(msgspec.Struct, frozen=True):
    record: SynthReport
    report: LintReport | None


def _written(
    request: SynthRequest,
    model: Model,
    material: Material,
    outcome: Outcome,
    line: WritingLine,
    spent: Amount,
    figures: Limits,
    rules: RuleFiles,
) -> _Files:
    """The rows and what goes with them; the record and the origins appear before the rows, so that no rows are ever
    without them.
    """
    made = Made(request=request, model=model, material=material, outcome=outcome, line=line, spent=spent)
    if not outcome.rows:
        return _Files(record_of(made, None, None, None, figures, rules), None)
    with Staging() as rows, Staging() as beside:
        written = write_lines(rows, request.out, (_row(request, one.written) for one in outcome.rows))
        report = _linted(request, rows.temporary(request.out), rules)
        lines = (rows.temporary(request.out)).read_bytes().splitlines()
        kept = write_lines(beside, provenance_path(request.out), origins(made, lines))
        record = record_of(made, written, kept, report, figures, rules)
        with beside.open(record_path(request.out)) as handle:
            handle.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        beside.put_in_place()
        try:
            rows.put_in_place()
        except TuneGateError:
            for one in (record_path(request.out), provenance_path(request.out)):
                one.unlink(missing_ok=True)
            raise
    return _Files(record, report)


def _row(request: SynthRequest, written: Any) -> dict[str, Any]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return {
        "messages": [
            *system,
            {"role": "user", "content": written.question},
            {"role": "assistant", "content": written.answer},
        ]
    }


def _linted(request: SynthRequest, path: Path, rules: RuleFiles) -> LintReport:
    return lint(
        LintRequest(
            # the record is not there yet, and what other runs left in the folder says nothing of these rows
            inputs=[LintInput(path=path, shown_as=str(request.out), origins=Origins())],
            target=request.target,
            privacy=request.privacy,
        ),
        rules=rules,
    )


def _forget(folder: Path) -> None:
    """What was answered is in the rows now, and what was not used need not stay."""
    with contextlib.suppress(OSError):
        for name in (ANSWERS, LOCK):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
