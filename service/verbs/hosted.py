"""What jobs leave, one by one; and jobs of a service that can be halted: pause, resume."""

from __future__ import annotations

import asyncio
from typing import Literal

from service.errors import ErrorItem, TuneGateError
from service.jobs import remote
from service.launch.targets.capabilities import capabilities
from service.records.access import Deed
from service.records.artifacts import Artifacts, Piece
from service.records.job import ENDED, Job
from service.records.manifest import Chain
from service.verbs.context import Context
from service.verbs.jobs import artifact
from trainers.contract import TrainPlan


def artifacts(context: Context, job_id: str) -> Artifacts:
    """What a job made.

    Raises:
        TuneGateError: `unknown_id`, `artifact_not_ready`, and what the storage raises.
    """
    job = context.store.job(job_id)
    if job.hosted is None or job.state != "succeeded":
        _, manifest = artifact(context, job_id)
        pieces = [Piece(kind=one.kind, path=one.path, bytes=one.bytes, sha256=one.sha256) for one in manifest.files]
        result = job.remote.result if job.remote is not None else None
        if result is not None and result.id is not None:
            # the same adapter once more: where the target's own trainer left it
            pieces.append(Piece(kind=result.kind, id=result.id))
        return Artifacts(job=job_id, chain=manifest.chain, weights="exported", items=pieces)
    hosted, plan = job.hosted, context.store.get("plan", job.plan, TrainPlan)
    chain = Chain(plan.decision, plan.lint_report, plan.estimate, plan.id, job_id, evaluation=plan.evaluation_id)
    pieces = [Piece(kind="hosted_model", id=hosted.model)]
    pieces += [Piece(kind="checkpoint", id=one.model, step=one.step, metrics=one.metrics) for one in hosted.checkpoints]
    if hosted.metrics:
        pieces.append(Piece(kind="metrics", metrics=hosted.metrics))
    return Artifacts(job=job_id, chain=chain, weights="not_exportable", items=pieces)


async def halt(context: Context, job_id: str, deed: Literal["pause", "resume"]) -> Job:
    """Ask the job's target to pause it, or to go on with it; its state says when that has come.

    Raises:
        TuneGateError: `unknown_id`, `target_cannot` where the target cannot, `job_finished`, `job_state`,
            `target_unreachable`, `target_refused`.
    """
    job = await asyncio.to_thread(context.store.job, job_id)
    plan = await asyncio.to_thread(context.store.get, "plan", job.plan, TrainPlan)
    rows = capabilities(context.rules)
    if not rows[plan.target].pause:
        able = ", ".join(row.id for row in rows.values() if row.pause and row.built)
        errors = [ErrorItem("target", plan.target, able, "Cancel it; launched again, our own trainer goes on.")]
        raise TuneGateError("target_cannot", f"{plan.target} cannot {deed} a job.", errors=errors)
    if job.state in ENDED:
        raise TuneGateError("job_finished", f"The job is {job.state}.")
    wanted = {"pause": {"queued", "preparing", "running"}, "resume": {"paused"}}[deed]
    if job.remote is None or job.state not in wanted:
        where = "" if job.remote is not None else ", and not at its target yet"
        remedy = "Look again: tunegate jobs show." if deed == "pause" else "Only a paused job goes on."
        raise TuneGateError("job_state", f"The job is {job.state}{where}.", remedy=remedy)
    done: Literal["job.paused", "job.resumed"] = "job.paused" if deed == "pause" else "job.resumed"
    await asyncio.to_thread(context.store.audit.note, Deed(context.caller.actor, done), job_id)
    await asyncio.to_thread(remote.halt, context.store, job_id, deed)
    return await asyncio.to_thread(context.store.job, job_id)
