"""Carries out one synthesis of the service: `python -m service.verbs.synthesizing.process WORK OUT`, by its runner.

It says nothing: how far it is stands in a file, and how it ended in another, which is written last.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from service.data import RuleFiles, rule_files
from service.errors import TuneGateError
from service.evaluate.asker import Progress
from service.files import write_atomically
from service.jobs.outside_inputs import OUTCOME, PROGRESS
from service.privacy.spared import one_request
from service.records.evaluation_job import EvaluationError
from service.records.synth_job import SynthOrigins, SynthOutcome, SynthProgress
from service.records.synthesis import RowProvenance, SynthReport
from service.settings import load_settings
from service.verbs.apart import once_unlocked, telling
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.stored import dataset_of
from service.verbs.redact import redactor_for
from service.verbs.redacting.settings import tables_of
from service.verbs.synthesizing.body import SynthWork, request_of
from service.verbs.synthesizing.files import provenance_path, read_record
from service.verbs.synthesizing.request import SynthRequest
from service.verbs.synthesizing.run import run_checked


def main(work_path: Path, out: Path) -> None:
    """Write the rows, and leave the outcome."""
    work = msgspec.json.decode(work_path.read_bytes(), type=SynthWork)
    # what it reads and makes has names of this folder, so that no record names the whole path
    os.chdir(out)
    try:
        outcome = _outcome(work)
    except TuneGateError as error:
        outcome = SynthOutcome(error=EvaluationError(error.code, error.detail, error.remedy, list(error.errors)))
    except Exception as error:  # noqa: BLE001 - its words may repeat a row, its type does not
        detail = f"The process that writes met {type(error).__name__}, which it does not handle."
        outcome = SynthOutcome(error=EvaluationError("internal", detail, "Report it, with what was asked for."))
    write_atomically(Path(OUTCOME), msgspec.json.encode(outcome))


def _outcome(work: SynthWork) -> SynthOutcome:
    settings = load_settings()
    rules = rule_files(settings.rules)
    request = request_of(work.body, tables_of(settings.privacy_settings))
    record = _record(work, request, rules)
    stayed = record.output.rows if record.output is not None else 0
    far = SynthProgress(stayed, record.rows, sum(record.rejected.values()))
    write_atomically(Path(PROGRESS), msgspec.json.encode(far))
    if record.output is None:
        return SynthOutcome(record=record)
    asked = LintRequest(inputs=[LintInput(request.out, "-")], target=request.target, privacy=request.privacy)
    # the record stands beside them by now, so the report says who wrote them
    dataset = dataset_of(asked, lint(asked, rules=rules))
    decoder = msgspec.json.Decoder(RowProvenance)
    origins = [decoder.decode(line) for line in provenance_path(request.out).read_bytes().splitlines()]
    return SynthOutcome(record=record, dataset=dataset, origins=SynthOrigins(origins))


def _record(work: SynthWork, request: SynthRequest, rules: RuleFiles) -> SynthReport:
    """The record; one whose rows are there was finished by a process that was killed after that."""

    def made() -> SynthReport:
        if not request.out.exists():
            report = telling(Path(PROGRESS), _told)
            return run_checked(request, work.model, redactor_for(request.redaction), rules, report).record
        found = read_record(request.out)
        if found is None:
            raise TuneGateError("internal", "The rows are there without their record.", remedy="Ask again.")
        return found

    return once_unlocked(made)


def _told(at: Progress) -> SynthProgress:
    return SynthProgress(at.done, at.total, at.failed)


if __name__ == "__main__":
    one_request()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
