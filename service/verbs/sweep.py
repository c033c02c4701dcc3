"""sweep: one real run per combination of values, compared by a goal; the best one is exported."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from service.artifacts.bundle import finished_run, read_manifest
from service.artifacts.finished import finished
from service.errors import ErrorItem, TuneGateError
from service.launch.blockers import require_launchable
from service.launch.grid import text_of
from service.launch.request import PlanChoices
from service.records.manifest import Manifest
from service.records.sweep import Sweep, Trial
from service.verbs.export import ExportRequest, export
from service.verbs.plan import PlanBundle
from service.verbs.sweeping.folder import Ledger
from service.verbs.sweeping.plans import Place, planned_trials
from service.verbs.sweeping.request import SweepRequest, value_of
from service.verbs.train import sigterm_as_ctrl_c, train
from trainers.contract import Outputs, Progress

BEST = "best"
# what would end every other trial in the same way
_ENDS_ALL = frozenset(
    {"interrupted", "run_locked", "disk_full", "missing_extra", "environment", "plan_mismatch", "output_exists"}
)


def sweep(request: SweepRequest, choices: PlanChoices, place: Place) -> Sweep:
    """Run the trials of a folder that are not done yet, as far as the budget goes, and export the best.

    The same request on the same folder goes on: finished trials are kept, an interrupted one resumes, and one that
    failed is not tried again while its folder is there.

    Raises:
        TuneGateError: `invalid_input`, `target_cannot`, `plan_blocked` before anything is spent; `output_exists` or
            `plan_mismatch` for a folder of something else; `interrupted`; `job_failed` when no trial succeeded; what
            ends every trial alike; what the export of the best one reports.

    """
    bundles = planned_trials(request, choices, place)
    ledger = Ledger(place.out, request, bundles)
    if all(bundle.plan.blockers for bundle in bundles):
        require_launchable(bundles[0].plan)
    try:
        with sigterm_as_ctrl_c():
            _run_all(request, bundles, ledger, place)
            _export_best(choices.outputs, ledger, place)
    except KeyboardInterrupt:
        raise _interrupted(place.out) from None
    except TuneGateError as error:
        if error.code != "interrupted":
            raise
        raise _interrupted(place.out) from None
    return ledger.record()


def _run_all(request: SweepRequest, bundles: Sequence[PlanBundle], ledger: Ledger, place: Place) -> None:
    for n, bundle in enumerate(bundles, 1):
        trial = ledger.trial(n)
        if trial.status in {"failed", "blocked"}:
            continue
        manifest = finished_run(ledger.folder(n), plan_id=bundle.plan.id)
        if manifest is None and trial.status != "unfinished" and not ledger.affords_another():
            continue
        place.say(f"== trial {n} of {len(bundles)}: {text_of(trial.values)}{' (done before)' if manifest else ''}")
        ledger.change(n, **_run(request, bundle, ledger, n, place, manifest))


def _run(
    request: SweepRequest, bundle: PlanBundle, ledger: Ledger, n: int, place: Place, manifest: Manifest | None
) -> dict[str, object]:
    """What became of one trial, as fields of its record."""
    if manifest is None:
        ledger.change(n, status="unfinished")
        with ledger.timed(n) as tick:

            def report(record: Progress) -> None:
                tick()
                place.report(record)

            try:
                manifest = train(bundle, ledger.folder(n), report=report)
            except TuneGateError as error:
                if error.code in _ENDS_ALL:
                    raise
                place.say(f"   trial {n} failed: {error.detail}")
                return {"status": "failed", "error": ledger.failure(error)}
    measured = manifest.evaluation
    return {
        "status": "succeeded",
        "before": value_of(measured.before, request.goal),
        "after": value_of(measured.after, request.goal),
        "manifest": manifest.id,
    }


def _export_best(outputs: Outputs, ledger: Ledger, place: Place) -> None:
    """DIR/best, by the same export as of any finished run; one that is still the best is left as it is.

    Raises:
        TuneGateError: `job_failed` when there is none.

    """
    best = ledger.best()
    if best is None:
        failures = [ErrorItem(text_of(one.values), one.error.detail) for one in ledger.trials if one.error]
        raise TuneGateError(
            "job_failed",
            f"None of {len(ledger.trials)} trials gave a {ledger.goal}.",
            remedy=f"{place.out / 'sweep.json'} has the reason of each; remove a trial's folder to run it again.",
            errors=failures,
        )
    trial, target = ledger.trial(best.n), place.out / BEST
    found = _exported(target, trial, outputs)
    if found is None:
        place.say(f"== best: trial {best.n} ({text_of(trial.values)}): {best.why}")
        for leftover in place.out.glob(f".{BEST}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        request = ExportRequest(outputs=outputs)
        found = export(
            ledger.folder(best.n), target, request, rules=place.rules, settings=place.settings, report=place.report
        )
    ledger.exported(BEST, found)


def _exported(target: Path, trial: Trial, outputs: Outputs) -> Manifest | None:
    """The export that is there already, if it is whole, of this trial and of these precisions."""
    try:
        if read_manifest(target).made_from != trial.manifest:
            return None
        manifest, _ = finished(target)
    except (TuneGateError, OSError, msgspec.DecodeError):
        return None
    built = {one.precision for one in manifest.onnx} | {one.precision for one in manifest.onnx_left_out}
    providers = {one.provider for one in manifest.onnx}
    return manifest if set(outputs.onnx) <= built and providers <= {outputs.provider} else None


def _interrupted(out: Path) -> TuneGateError:
    return TuneGateError(
        "interrupted",
        "The sweep was stopped before it was done.",
        remedy=f"The same command goes on: finished trials are kept, the one under way in {out / 'trials'} resumes.",
    )
