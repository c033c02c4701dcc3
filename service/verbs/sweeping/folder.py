"""A sweep's folder: `sweep.json` is rewritten whole whenever a trial changes, so a kill loses nothing of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.files import write_atomically
from service.launch.grid import folder_of
from service.records.identity import record_id
from service.records.job import JobError
from service.records.manifest import Manifest
from service.records.sweep import BestTrial, Sweep, SweepChain, Trial
from service.verbs.plan import PlanBundle
from service.verbs.sweeping.best import best_of, left_out_text
from service.verbs.sweeping.request import SweepRequest
from trainers.contract import TrainPlan

RECORD, TRIALS = "sweep.json", "trials"
# what a kill may lose of a trial's time
_KEPT_SECONDS = 2.0


class Ledger:
    """The trials of a sweep and how far each of them is, in memory and on disk."""

    def __init__(self, out: Path, request: SweepRequest, bundles: Sequence[PlanBundle]) -> None:
        """Take up what an earlier try left.

        Raises:
            TuneGateError: `output_exists` for a folder that holds no sweep, `plan_mismatch` for one of other plans.

        """
        self._out, self._request, self._plans = out, request, [bundle.plan for bundle in bundles]
        earlier = _earlier(out)
        self.goal = request.goal
        self.trials = [
            _begun(n, values, bundle.plan, earlier, out)
            for n, (values, bundle) in enumerate(zip(request.order, bundles, strict=True), 1)
        ]
        _require_same_plans(out, self.trials, earlier, self._chain())
        self._best: dict[str, str | None] = {}

    def trial(self, n: int) -> Trial:
        """The trial in that place of the order, from 1."""
        return self.trials[n - 1]

    def folder(self, n: int) -> Path:
        """The trial's run folder."""
        return self._out / self.trial(n).folder

    def change(self, n: int, **fields: Any) -> None:
        """Note how far a trial is, on disk too."""
        self.trials[n - 1] = msgspec.structs.replace(self.trial(n), **fields)
        self._write()

    def exported(self, folder: str, manifest: Manifest) -> None:
        """Note that the best trial is exported, and whether it is better than what it began with."""
        held = manifest.evaluation.comparison
        self._best = {"folder": folder, "manifest": manifest.id}
        if held is not None:
            self._best |= {"gate": held.gate, "gate_why": held.why}
        self._write()

    def failure(self, error: TuneGateError) -> JobError:
        """A trial's error as its record says it."""
        return JobError(error.code, error.detail, error.remedy)

    def affords_another(self) -> bool:
        """Whether the budget has room for one more trial; one that is under way is never cut off."""
        tried = [trial for trial in self.trials if trial.status in {"succeeded", "failed", "unfinished"}]
        runs, minutes = self._request.budget.runs, self._request.budget.minutes
        used = sum(trial.seconds or 0.0 for trial in tried)
        return (runs is None or len(tried) < runs) and (minutes is None or used < 60 * minutes)

    @contextmanager
    def timed(self, n: int) -> Iterator[Callable[[], None]]:
        """Add the wall time of the block to the trial; what it yields is to be called now and then."""
        before, begun = self.trial(n).seconds or 0.0, time.monotonic()
        kept = begun

        def tick() -> None:
            nonlocal kept
            if time.monotonic() - kept >= _KEPT_SECONDS:
                kept = time.monotonic()
                self.change(n, seconds=round(before + kept - begun, 1))

        try:
            yield tick
        finally:
            self.change(n, seconds=round(before + time.monotonic() - begun, 1))

    def best(self) -> BestTrial | None:
        """The best trial so far."""
        found = best_of(self.trials, self._request)
        return found and msgspec.structs.replace(found, **self._best)

    def record(self) -> Sweep:
        """The sweep as it stands; its id is over everything but the seconds."""
        plan, request = self._plans[0], self._request
        made = Sweep(
            id="",
            chain=self._chain(),
            goal=request.goal,
            better=request.better,
            parameters=request.parameters,
            budget=request.budget,
            seed=plan.hyperparameters.seed,
            trials=list(self.trials),
            best=self.best(),
            left_out=left_out_text(self.trials, request),
        )
        timeless = [msgspec.structs.replace(trial, seconds=None) for trial in made.trials]
        return msgspec.structs.replace(made, id=record_id(msgspec.structs.replace(made, trials=timeless)))

    def _chain(self) -> SweepChain:
        plan = self._plans[0]
        start = plan.starts_from.manifest if plan.starts_from else None
        return SweepChain(plan.decision, plan.lint_report, start)

    def _write(self) -> None:
        content = msgspec.json.format(msgspec.json.encode(self.record()), indent=2)
        write_atomically(self._out / RECORD, content + b"\n")


def _begun(n: int, values: dict[str, int | float], plan: TrainPlan, earlier: Sweep | None, out: Path) -> Trial:
    """A trial as an earlier try left it; a failure counts while its folder is there."""
    folder = f"{TRIALS}/{folder_of(values)}"
    fresh = Trial(n=n, values=values, plan=plan.id, folder=folder, status="not_run")
    if plan.blockers:
        what = JobError("plan_blocked", "; ".join(one.detail for one in plan.blockers), plan.blockers[0].remedy)
        return msgspec.structs.replace(fresh, status="blocked", error=what)
    known = {trial.plan: trial for trial in earlier.trials} if earlier else {}
    was = known.get(plan.id)
    if was is None or not (out / folder).is_dir():
        return fresh
    return msgspec.structs.replace(was, n=n, values=values, folder=folder)


def _earlier(out: Path) -> Sweep | None:
    """The record of an earlier try; a folder with anything else in it is refused."""
    if not out.is_dir() or not any(one for one in out.iterdir() if not one.name.startswith(".")):
        if out.exists() and not out.is_dir():
            raise TuneGateError("output_exists", f"{out} is a file.", remedy="Name a new folder.")
        return None
    try:
        return msgspec.json.decode((out / RECORD).read_bytes(), type=Sweep)
    except (OSError, msgspec.DecodeError) as error:
        raise TuneGateError(
            "output_exists", f"{out} holds files, and no {RECORD} of a sweep.", remedy="Name a new or empty folder."
        ) from error


def _require_same_plans(out: Path, trials: Sequence[Trial], earlier: Sweep | None, chain: SweepChain) -> None:
    """Refuse to go on in a folder whose trials were planned otherwise (other data, model or settings)."""
    wrong = []
    if earlier is not None and earlier.chain != chain:
        wrong.append(ErrorItem(RECORD, "other records under its trials", "the same data, decision and earlier run"))
    for trial in trials:
        try:
            there = msgspec.json.decode((out / trial.folder / "plan.json").read_bytes(), type=TrainPlan).id
        except (OSError, msgspec.DecodeError):
            continue
        if there != trial.plan:
            wrong.append(ErrorItem(trial.folder, f"plan {there[:12]}", f"plan {trial.plan[:12]}"))
    if wrong:
        raise TuneGateError(
            "plan_mismatch",
            f"{out} holds a sweep of other data, another model or other settings ({len(wrong)} difference(s)).",
            remedy="Name a new folder for this sweep, or give the settings that the sweep there was begun with.",
            errors=wrong,
        )
