"""tunegate jobs: follow the jobs of a running service (TUNEGATE_URL, TUNEGATE_API_KEY)."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.output import emit, output_options, pretty_json, say
from service.cli.plan_text import choices_text
from service.cli.train import progress_line
from service.client import Client
from service.records.hosted import Hosted
from service.records.job import Job
from service.settings import load_settings


def _client() -> Client:
    settings = load_settings()
    return Client(settings.url, settings.api_key)


@click.group("jobs")
def command() -> None:
    """List, show, watch and cancel jobs; read their logs, fetch their artifacts."""


@command.command("list")
@output_options()
def list_(format_: str, output: Path | None, *, no_input: bool) -> int:
    """Every job in order of submission."""
    del no_input
    items = list(_client().jobs())
    shown = "\n".join(_line(job) for job in items) or "no jobs"
    emit(pretty_json({"items": items, "next": None}) if format_ == "json" else shown, output)
    return 0


@command.command("show")
@click.argument("job")
@output_options()
def show(job: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """One job as it stands, with what its plan chose by itself; exit 1 when it or its gate failed."""
    del no_input
    client = _client()
    found = client.job(job)
    if format_ == "json":
        emit(pretty_json(found), output)
    else:
        plan = client.stored_plan(found.plan)
        emit("\n".join([_text(found), *choices_text(plan.choices)]), output)
    return 1 if found.state in {"failed", "cancelled"} or found.gate == "failed" else 0


@command.command("watch")
@click.argument("job")
@output_options()
def watch(job: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Follow a job to its end; exit 1 unless it succeeded, or when its gate failed."""
    del no_input
    client = _client()
    for event in client.job_events(job):
        line = progress_line(event.event, event.data)
        if line:
            say(line)
    found = client.job(job)
    emit(pretty_json(found) if format_ == "json" else _text(found), output)
    return 0 if found.state == "succeeded" and found.gate != "failed" else 1


@command.command("logs")
@click.argument("job")
def logs(job: str) -> int:
    """The job's messages."""
    click.echo(_client().job_logs(job), nl=False)
    return 0


@command.command("cancel")
@click.argument("job")
@output_options()
def cancel(job: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Stop a job and its whole process tree."""
    del no_input
    return _told(_client().cancel_job(job), format_, output)


@command.command("pause")
@click.argument("job")
@output_options()
def pause(job: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Halt a job whose target can (azure-openai); what is done is kept."""
    del no_input
    return _told(_client().pause_job(job), format_, output)


@command.command("resume")
@click.argument("job")
@output_options()
def resume(job: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Go on with a paused job."""
    del no_input
    return _told(_client().resume_job(job), format_, output)


@command.command("artifact")
@click.argument("job")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="FILE.zip", help="The zip file.")
def artifact(job: str, out: Path) -> int:
    """Fetch the artifact as a zip."""
    _client().fetch_zip(job, out)
    say(f"{out}: {out.stat().st_size} bytes")
    return 0


def _told(job: Job, format_: str, output: Path | None) -> int:
    emit(pretty_json(job) if format_ == "json" else _text(job), output)
    return 0


def _line(job: Job) -> str:
    progress = job.progress
    total = f"/{progress.total}" if progress.total else ""
    return f"{job.id}  {job.state:<11} {progress.step}{total}  plan {job.plan[:12]}"


def _text(job: Job) -> str:
    lines = [_line(job), *(f"  {moment.at} {moment.state}" for moment in job.timeline)]
    if job.remote:
        lines.append(f"  on {job.remote.target}: {job.remote.name}, {job.remote.status or 'just made'}")
    if job.cost is not None:
        lines.append(f"  cost so far: {job.cost:.4f} USD")
    if job.hosted:
        lines += _hosted(job.hosted)
    if job.gate_why:
        lines.append(f"  gate {job.gate or 'open'}: {job.gate_why}")
    if job.error:
        lines.append(f"  {job.error.code}: {job.error.detail} {job.error.remedy}")
    return "\n".join(lines)


def _hosted(hosted: Hosted) -> list[str]:
    """What stays at the service."""
    lines = [f"  hosted model {hosted.model} (weights_not_exportable)"]
    lines += [f"    checkpoint of step {one.step}: {one.model}" for one in hosted.checkpoints]
    lines += [f"    {name} {value:g}" for name, value in hosted.metrics.items()]
    if hosted.trained_tokens is not None:
        lines.append(f"    trained tokens {hosted.trained_tokens}")
    return [*lines, f"    {hosted.metrics_refused}"] if hosted.metrics_refused else lines
