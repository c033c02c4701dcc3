"""jobs: launch a plan, follow it, cancel it, and fetch what it made."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from service.artifacts.bundle import read_manifest
from service.artifacts.listing import sha256_of
from service.clock import now
from service.errors import TuneGateError
from service.jobs.ground import JobInputs, encoded
from service.jobs.states import enter
from service.launch.blockers import require_launchable
from service.launch.targets.registry import is_remote
from service.observe.traces import traceparent
from service.records.access import Deed
from service.records.dataset import Dataset
from service.records.decision import Decision
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation
from service.records.job import ENDED, Job, JobEvent, Moment
from service.records.lint_report import LintReport
from service.records.manifest import MANIFEST, Manifest
from service.verbs.context import Context
from service.verbs.cursors import page_of
from service.verbs.following import Event, follow, job_news
from service.verbs.launching import launch_plan_for
from service.verbs.plan import PlanBundle, planned_model
from service.verbs.planning.continuing import require_start
from service.verbs.train import needed_bytes, run_inputs
from trainers.contract import TrainPlan


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /v1/jobs`."""

    plan_id: str


class JobList(msgspec.Struct, frozen=True):
    """A page of jobs; `next` is the cursor of the page after it."""

    items: list[Job]
    next: str | None


async def launch(context: Context, request: JobRequest, *, idempotency_key: str | None) -> Job:
    """Queue a job for a plan; the same key gives the same job.

    Raises:
        TuneGateError: `unknown_id`, `plan_blocked`, `plan_mismatch` when data or model are gone or changed,
            `quota_exceeded`.
    """
    bundle = await asyncio.to_thread(_bundle, context, request.plan_id)
    job = Job(id=str(uuid.uuid4()), plan=bundle.plan.id, state="queued", timeline=[Moment("queued", now())])
    job, new = await asyncio.to_thread(_added, context, job, bundle, idempotency_key)
    if job.plan != request.plan_id:
        raise TuneGateError("plan_mismatch", "The Idempotency-Key was used for another plan.", remedy="Use a new key.")
    if new or job.state == "queued":
        await context.runner.submit(job)
    return job


async def cancel(context: Context, job_id: str) -> Job:
    """Ask a job to stop; its whole process tree is gone when the state says `cancelled`.

    Raises:
        TuneGateError: `unknown_id`, `job_finished`.
    """
    job = await asyncio.to_thread(context.store.job, job_id)
    if job.state in ENDED:
        raise TuneGateError("job_finished", f"The job is {job.state}.")
    await asyncio.to_thread(context.store.audit.note, Deed(context.caller.actor, "job.cancelled"), job_id)
    job = await asyncio.to_thread(enter, context.store, job_id, "cancelling")
    if job.state == "cancelling":
        context.runner.cancel_soon(job_id)
    return job


def list_jobs(context: Context, *, cursor: str | None, limit: int) -> JobList:
    """A page of jobs in order of submission."""
    items, following = page_of(lambda after, most: context.store.list_jobs(after=after, limit=most), cursor, limit)
    return JobList(items, following)


def events(context: Context, job_id: str, *, after: int) -> AsyncIterator[Event | None]:
    """Events numbered above `after`, until the job ends or the service does; None now and then meanwhile."""

    async def earlier(seen: int) -> list[JobEvent]:
        found = functools.partial(context.store.events, job_id, after=seen)
        return await anyio.to_thread.run_sync(found, limiter=context.catching_up)

    return follow(context.jobs_followed, job_id, job_news(after, earlier), context.still_admitted)


def logs(context: Context, job_id: str) -> str:
    """The job's messages, a line each."""
    context.store.job(job_id)
    lines = []
    for event in context.store.events(job_id, after=0):
        data = event.data
        what = data.get("message") or data.get("phase") or data.get("state")
        if event.event == "step":
            what = f"step {data.get('step')}/{data.get('total')} loss {data.get('loss')}"
        lines.append(f"{event.at} {event.event} {what}")
    return "\n".join(lines) + "\n"


def artifact(context: Context, job_id: str) -> tuple[Path, Manifest]:
    """The finished run folder and its manifest.

    Raises:
        TuneGateError: `unknown_id`, `artifact_not_ready`, `weights_not_exportable` where they stay at a service, and
            what the storage raises where it is fetched.
    """
    job = context.store.job(job_id)
    if job.state != "succeeded":
        raise TuneGateError("artifact_not_ready", f"The job is {job.state}.", remedy="Wait until it has succeeded.")
    if job.hosted is not None:
        raise TuneGateError(
            "weights_not_exportable",
            f"The model {job.hosted.model} stays at {job.remote.target if job.remote else 'its service'}, for good.",
            remedy="tunegate jobs show and GET /v1/jobs/{id}/artifacts list what there is; plan for local or azure-ml "
            "where weights or ONNX are wanted.",
        )
    out = context.files.artifact(job_id)
    return out, read_manifest(out)


def artifact_file(context: Context, job_id: str, path: str) -> tuple[Path, str]:
    """(one file of the artifact, its sha256); only what the manifest lists (and the manifest) can be asked for.

    Raises:
        TuneGateError: `unknown_id`, `artifact_not_ready`, `not_found`.
    """
    out, manifest = artifact(context, job_id)
    wanted = path.lstrip("/")
    if wanted == MANIFEST:
        return out / wanted, sha256_of(out / wanted)
    for file in manifest.files:
        if file.path == wanted:
            return out / wanted, file.sha256
    raise TuneGateError("not_found", "The artifact has no such file.", remedy="manifest.json lists its files.")


def _added(context: Context, job: Job, bundle: PlanBundle, idempotency_key: str | None) -> tuple[Job, bool]:
    """Kept with what it needs, who launched it, and which blockers were overridden why."""
    actor, plan = context.caller.actor, bundle.plan
    deeds = [Deed(actor, "job.launched", {"plan": plan.id})]
    deeds += [Deed(actor, "job.overrode", {"code": one.code, "reason": one.reason}) for one in plan.overrides]
    inputs = JobInputs(run=run_inputs(bundle), needed_bytes=needed_bytes(bundle), traceparent=traceparent())
    launch = _launch_of(context, job, bundle) if is_remote(plan.target) else None
    most = context.settings.access.project_jobs
    return context.store.add_job(job, idempotency_key, deeds, inputs=encoded(inputs), launch=launch, most_open=most)


def _launch_of(context: Context, job: Job, bundle: PlanBundle) -> bytes:
    """What will be sent, which is kept with the job; where its data lie is found when it is sent."""
    validation = Path() if bundle.plan.validation is not None else None
    made = launch_plan_for(
        bundle.plan, key=job.id, dataset=bundle.dataset, validation=validation, model=bundle.model,
        rules=context.rules, settings=context.settings,
    )  # fmt: skip
    return msgspec.json.encode(made)


def _bundle(context: Context, plan_id: str) -> PlanBundle:
    plan = context.store.get("plan", plan_id, TrainPlan)
    require_launchable(plan)
    if plan.starts_from is not None and plan.starts_from.job:
        artifact(context, plan.starts_from.job)
    require_start(plan)
    model = planned_model(plan, rules=context.rules, settings=context.settings)
    for reference in (plan.dataset, plan.validation):
        if reference is not None:
            context.store.get("dataset", str(reference.id), Dataset)
    return PlanBundle(
        plan=plan,
        decision=context.store.get("decision", plan.decision, Decision) if plan.decision else None,
        report=context.store.get("lint_report", str(plan.lint_report), LintReport),
        estimate=context.store.get("estimate", plan.estimate, Estimate) if plan.estimate else None,
        # they are fetched where the job runs
        dataset=Path(),
        validation=None,
        model=model,
        evaluation=context.store.get("evaluation", plan.evaluation_id, Evaluation) if plan.evaluation_id else None,
    )
