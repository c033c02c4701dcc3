"""Fills a run folder with the records it rests on, and closes it with a verified manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from service.artifacts.card import base_name, model_card
from service.artifacts.compared import comparison
from service.artifacts.hosted_card import hosted_card
from service.artifacts.licence import base_licence
from service.artifacts.listing import differences, listed
from service.errors import TuneGateError
from service.files import is_left_of, write_atomically
from service.launch.local import WORK, read_result, work_plan
from service.records.decision import Decision
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation as EvaluationRecord
from service.records.hosted import HOSTED, Hosted
from service.records.identity import record_id
from service.records.job import Job
from service.records.lint_report import LintReport
from service.records.manifest import MANIFEST, BaseModel, Chain, Comparison, Evaluation, LeftOut, Manifest, OnnxModel
from trainers.contract import Result, TrainPlan


class RunInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a run and where its data and model lie on this host."""

    plan: TrainPlan
    decision: Decision | None
    report: LintReport | None
    estimate: Estimate | None
    dataset: Path
    validation: Path | None
    model: Path
    evaluation: EvaluationRecord | None = None


def prepare_run(out: Path, inputs: RunInputs) -> None:
    """Write the records into the run folder, and the trainer's copy of the plan with this host's paths.

    Raises:
        TuneGateError: `output_exists` when the folder holds something else, `disk_full` when it cannot be written.

    """
    require_usable(out, plan_id=inputs.plan.id)
    records = {
        # first: by it a try that is cut off here is known again
        "plan.json": inputs.plan,
        "decision.json": inputs.decision,
        "lint-report.json": inputs.report,
        "estimate.json": inputs.estimate,
        "evaluation.json": inputs.evaluation,
    }
    for name, record in records.items():
        if record is not None:
            write_atomically(out / name, _readable(record))
    write_atomically(work_plan(out), msgspec.json.encode(_with_paths(inputs)))


def require_usable(out: Path, *, plan_id: str) -> None:
    """Refuse a folder that holds anything but an earlier, unfinished try at the same plan, which can go on.

    Raises:
        TuneGateError: `output_exists`; `plan_mismatch` for an unfinished run of another plan.

    """
    if out.exists() and not out.is_dir():
        raise TuneGateError("output_exists", f"{out} is a file.", remedy="Name a new folder.")
    # a plan that was cut off while it was written is all that a killed try leaves before its first record
    if not out.is_dir() or all(is_left_of(one, "plan.json") for one in out.iterdir()):
        return
    try:
        earlier = msgspec.json.decode((out / "plan.json").read_bytes(), type=TrainPlan).id
    except (OSError, msgspec.DecodeError):
        earlier = None
    finished = (out / MANIFEST).exists()
    if earlier is not None and earlier != plan_id and not finished:
        raise TuneGateError(
            "plan_mismatch",
            f"{out} holds an unfinished run of another plan (plan {earlier[:12]} there, {plan_id[:12]} here).",
            remedy="Name a new folder for this plan, or go on with the plan.json that lies in the folder.",
        )
    if earlier is None or finished:
        raise TuneGateError(
            "output_exists",
            f"{out} already holds files of another run.",
            remedy="Name a new or empty folder.",
        )


def finished_run(out: Path, *, plan_id: str) -> Manifest | None:
    """The manifest of a run of this very plan that was carried out here before, verified; None when there is none.

    Raises:
        TuneGateError: `artifact_corrupt` when its files are no longer what the manifest says.

    """
    try:
        manifest = read_manifest(out)
    except (TuneGateError, OSError, msgspec.DecodeError):
        return None
    if manifest.chain.plan != plan_id:
        return None
    _drop_host_files(out)
    return verify_run(out)


def require_space(out: Path, *, needed_bytes: int) -> None:
    """Refuse before any work when the disk cannot hold the outputs.

    Raises:
        TuneGateError: `disk_full`.

    """
    place = next(parent for parent in [out, *out.absolute().parents] if parent.exists())
    free = shutil.disk_usage(place).free
    if free < needed_bytes:
        raise TuneGateError(
            "disk_full",
            f"{out}: the run needs about {needed_bytes / 2**20:.0f} MiB, {free / 2**20:.0f} MiB are free.",
            remedy="Free space, or name a folder on another disk.",
        )


def finish_run(out: Path, *, plan: TrainPlan, job: Job | None, source: Manifest | None = None) -> Manifest:
    """Write job.json, README.md and manifest.json over a succeeded run, then verify every hash.

    `source` is the manifest of the run whose weights were exported again: its chain and evaluation still hold.

    Raises:
        TuneGateError: `artifact_not_ready` when the trainer left no success, `disk_full`, `artifact_corrupt`.

    """
    done = finished_run(out, plan_id=plan.id)
    if done is not None:
        return done  # a kill came between the manifest and the answer
    result = read_result(out)
    if result is None or result.status != "succeeded" or result.plan != plan.id:
        raise TuneGateError("artifact_not_ready", "The trainer left no proof of success for this plan.")
    if source is not None:
        result = msgspec.structs.replace(
            result,
            evaluation_before=source.evaluation.before,
            evaluation_after=source.evaluation.after,
            training=(source.training or {}) | ({"data": source.data} if source.data else {}) or None,
        )
    held = source.evaluation.comparison if source else comparison(plan, result)
    measured = Evaluation(before=result.evaluation_before, after=result.evaluation_after, comparison=held)
    licence = base_licence(out)
    if job is not None:
        write_atomically(out / "job.json", _readable(judged(job, held)))
    job_id = job.id if job else source.chain.job if source else None
    chain = _chain(plan, job_id)
    hosted = _hosted(out)
    card = (
        model_card(plan, result, chain, measured=measured, report=_lint_report(out), licence=licence)
        if hosted is None
        else hosted_card(plan, hosted, chain, _lint_report(out))
    )
    write_atomically(out / "README.md", card.encode())
    made_from = source.id if source else None
    manifest = _manifest(out, plan=plan, result=result, measured=measured, chain=chain, made_from=made_from)
    write_atomically(out / MANIFEST, _readable(manifest))
    _drop_host_files(out)  # only now: until the manifest stands, they are the proof of success
    return verify_run(out)


def judged(job: Job, held: Comparison | None) -> Job:
    """The job with its gate."""
    return msgspec.structs.replace(job, gate=held.gate, gate_why=held.why) if held is not None else job


def read_manifest(out: Path) -> Manifest:
    """The manifest of a finished run folder.

    Raises:
        TuneGateError: `artifact_not_ready` when there is none.

    """
    try:
        return msgspec.json.decode((out / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise TuneGateError("artifact_not_ready", f"{out} has no {MANIFEST}.", remedy="Wait for the job.") from None


def verify_run(out: Path) -> Manifest:
    """Check every file against the manifest.

    Raises:
        TuneGateError: `artifact_corrupt` with one item per file that is missing or differs.

    """
    manifest = read_manifest(out)
    wrong = [error for file in manifest.files for error in differences(out, file)]
    if wrong:
        raise TuneGateError(
            "artifact_corrupt",
            f"{len(wrong)} file(s) do not match.",
            remedy="Fetch or run it again.",
            errors=wrong,
        )
    return manifest


def _chain(plan: TrainPlan, job_id: str | None) -> Chain:
    start = plan.starts_from.manifest if plan.starts_from else None
    return Chain(
        plan.decision,
        plan.lint_report,
        plan.estimate,
        plan.id,
        job_id,
        starts_from=start,
        evaluation=plan.evaluation_id,
        synth=plan.synth,
    )


def _lint_report(out: Path) -> LintReport | None:
    try:
        return msgspec.json.decode((out / "lint-report.json").read_bytes(), type=LintReport)
    except FileNotFoundError:
        return None


def _hosted(out: Path) -> Hosted | None:
    """What a service that keeps the weights told of them."""
    try:
        return msgspec.json.decode((out / HOSTED).read_bytes(), type=Hosted)
    except FileNotFoundError:
        return None


def _manifest(
    out: Path, *, plan: TrainPlan, result: Result, measured: Evaluation, chain: Chain, made_from: str | None
) -> Manifest:
    training = {
        name: value for name, value in (result.training or {}).items() if name not in {"seconds", "data"}
    } or None
    manifest = Manifest(
        id="",
        chain=chain,
        files=listed(out),
        # the trainer's results have the manifest's shape; the two are declared apart so that neither imports the other
        onnx=msgspec.convert(msgspec.to_builtins(result.onnx), list[OnnxModel]),
        evaluation=measured,
        training=training,
        data=(result.training or {}).get("data"),
        onnx_left_out=msgspec.convert(msgspec.to_builtins(result.onnx_left_out), list[LeftOut]),
        base_model=BaseModel(base_name(plan), plan.model_fingerprint, plan.model_revision),
        made_from=made_from,
    )
    return msgspec.structs.replace(manifest, id=record_id(manifest))


def _drop_host_files(out: Path) -> None:
    shutil.rmtree(out / WORK, ignore_errors=True)
    for name in ("result.json", "trainer.json"):
        (out / name).unlink(missing_ok=True)


def _with_paths(inputs: RunInputs) -> TrainPlan:
    plan = inputs.plan
    validation = plan.validation
    if validation is not None:
        validation = msgspec.structs.replace(validation, path=str(inputs.validation))
    return msgspec.structs.replace(
        plan,
        # no model of a managed service lies here
        model=str(inputs.model) if inputs.model.parts else plan.model,
        dataset=msgspec.structs.replace(plan.dataset, path=str(inputs.dataset)),
        validation=validation,
    )


def _readable(record: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
