"""operation: whether the service can do its work, and how much of it there is."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import get_args

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.jobs.runner import JobRunner
from service.launch.local import trainer_alive
from service.records.evaluation_job import EvaluationState
from service.records.job import State
from service.settings import Settings
from service.verbs.context import Context


class Standing(msgspec.Struct, frozen=True):
    """Jobs and evaluations by state, processes that run, and messages to webhooks that wait."""

    jobs: Mapping[str, int]
    evaluations: Mapping[str, int]
    trainers: int
    messages: int


def standing(context: Context) -> Standing:
    """How much there is to do; every state is named, with 0 where nothing stands in it."""
    jobs, evaluations = context.store.health.states()
    living = [name for name in context.store.open_jobs() if trainer_alive(context.settings.runs / name)]
    return Standing(
        dict.fromkeys(get_args(State), 0) | jobs,
        dict.fromkeys(get_args(EvaluationState), 0) | evaluations,
        len(living),
        context.store.outbox.waiting(),
    )


def require_ready(context: Context) -> None:
    """Whether requests and jobs can be carried out now.

    Raises:
        TuneGateError: `stopping`, or `not_ready` with one error for everything that is not.
    """
    if context.stopping.is_set():
        raise TuneGateError("stopping", "The service is stopping.", remedy="Ask another one.")
    outside = [*context.store.health.unready(), *_disk(context.settings), *context.storage.unready()]
    errors = [*outside, *_queues(context.runner), *_privacy(context)]
    if errors:
        what = ", ".join(one.where for one in errors)
        raise TuneGateError("not_ready", f"Not ready: {what}.", remedy="Each error says what to do.", errors=errors)


def _disk(settings: Settings) -> list[ErrorItem]:
    """A file is written and removed again: a full or read-only disk lets nothing be uploaded and no job run."""
    path = settings.uploads / f".ready-{os.getpid()}-{threading.get_ident()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"ready")
        path.unlink()
    except OSError as error:
        return [ErrorItem("data folder", error.strerror, "a data folder that can be written", "Look at TUNEGATE_HOME.")]
    return []


def _queues(runner: JobRunner) -> list[ErrorItem]:
    """The name under which work is taken is held, and each queue is polled by a thread of its name."""
    running = {thread.name for thread in threading.enumerate()}
    dead = [name for name in runner.queues if f"queue-worker-{name}" not in running]
    remedy = "Restart the service; jobs go on where they were."
    errors = [ErrorItem(f"queue {name}", "nobody polls it", "a polled queue", remedy) for name in dead]
    if runner.works and not runner.executor.held:
        wait = "It takes its name back by itself once the database answers."
        errors.append(ErrorItem("executor", "its name is not held", "the lock of TUNEGATE_EXECUTOR", wait))
    return errors


def _privacy(context: Context) -> list[ErrorItem]:
    if not context.settings.ready_needs_privacy or context.privacy_ready.is_set():
        return []
    return [ErrorItem("privacy scan", "not prepared", "a prepared scan", "It takes seconds after a start.")]
