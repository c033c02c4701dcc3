"""Carries out one evaluation of the service: `python -m service.verbs.evaluating.process WORK OUT`, by its runner.

It says nothing: how far it is stands in a file, and how it ended in another, which is written last.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from service.data import rule_files
from service.errors import TuneGateError
from service.evaluate.models import Model
from service.files import write_atomically
from service.jobs.outside_inputs import ANSWERS, OUTCOME, PROGRESS, OutsideInputs, Places, places_of
from service.records.evaluation_job import EvaluationAsking, EvaluationError, EvaluationOutcome, EvaluationProgress
from service.settings import load_settings
from service.verbs.apart import once_unlocked, telling
from service.verbs.evaluate import EvaluateRequest, Progress, evaluate_checked
from service.verbs.evaluating.request import Checked


class EvaluationWork(msgspec.Struct, frozen=True, kw_only=True):
    """What the process does; files are named as they lie in the folder `data`, so that nothing names the whole path;
    documents lie in the evaluation's own. Models lie below `runs` or `models`.
    """

    request: EvaluateRequest
    checked: Checked
    data: str
    runs: str = ""
    models: str = ""

    def at(self, places: Places) -> EvaluationWork:
        """The same on another host."""
        roots = {self.runs: places.runs, self.models: places.models}

        def moved(model: Model) -> Model:
            folder = Path(model.folder or "")
            for here, there in roots.items():
                if model.folder is not None and here and folder.is_relative_to(here):
                    return msgspec.structs.replace(model, folder=str(Path(there) / folder.relative_to(here)))
            return model

        models, judge = [moved(one) for one in self.checked.models], self.checked.judge
        checked = msgspec.structs.replace(self.checked, models=models, judge=moved(judge) if judge else None)
        return EvaluationWork(request=self.request, checked=checked, **msgspec.structs.asdict(places))

    def inputs(self, files: dict[str, str], *, continues: str | None) -> OutsideInputs:
        """What any service over the same database begins it with; `files` lie in its folder."""
        variants = [one.examples_file for one in self.checked.variants]
        named = [*self.request.files, *self.request.regression, self.request.examples, *variants]
        models = [*self.checked.models, *([self.checked.judge] if self.checked.judge else [])]
        folders = [Path(one.folder) for one in models if one.folder is not None]
        return OutsideInputs(
            work=encoded(self).decode(),
            files=files,
            continues=continues,
            datasets=sorted({Path(one).stem for one in named if one is not None}),
            jobs=sorted({one.relative_to(self.runs).parts[0] for one in folders if one.is_relative_to(self.runs)}),
        )


def encoded(work: EvaluationWork) -> bytes:
    """The work as the process reads it."""
    return msgspec.json.encode(work, enc_hook=str)


def main(work_path: Path, out: Path) -> None:
    """Evaluate, and leave the outcome."""
    work = msgspec.json.decode(work_path.read_bytes(), type=EvaluationWork, dec_hook=_path)
    if (places := places_of(out)) is not None:
        work = work.at(places)
    os.chdir(work.data)
    documents = None if work.request.documents is None else out / work.request.documents
    request = msgspec.structs.replace(work.request, out=out / ANSWERS, documents=documents)
    try:
        outcome = _evaluated(request, work.checked, telling(out / PROGRESS, _told))
    except TuneGateError as error:
        outcome = EvaluationOutcome(error=EvaluationError(error.code, error.detail, error.remedy, list(error.errors)))
    except Exception as error:  # noqa: BLE001 - its words may repeat a row, its type does not
        detail = f"The process that evaluates met {type(error).__name__}, which it does not handle."
        outcome = EvaluationOutcome(error=EvaluationError("internal", detail, "Report it, with what was evaluated."))
    write_atomically(out / OUTCOME, msgspec.json.encode(outcome))


def _evaluated(request: EvaluateRequest, checked: Checked, report: Callable[[Progress], None]) -> EvaluationOutcome:
    rules = rule_files(load_settings().rules)
    made = once_unlocked(lambda: evaluate_checked(request, checked, rules=rules, report=report))
    asking = EvaluationAsking(
        asked=made.asked,
        cached=made.cached,
        retried=made.retried,
        paid_usd=made.paid_usd,
        out_of_budget=made.out_of_budget,
    )
    return EvaluationOutcome(record=made.record, asking=asking)


def _told(at: Progress) -> EvaluationProgress:
    return EvaluationProgress(at.done, at.done - at.failed, at.total)


def _path(type_: type[Any], text: str) -> Any:
    return type_(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
