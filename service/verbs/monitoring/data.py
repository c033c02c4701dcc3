"""Monitors of data: what lies under a URL is stored as a dataset at every slot, and held against another one."""

from __future__ import annotations

import asyncio
import threading

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.records.dataset import Dataset
from service.records.drift import DriftReport
from service.records.monitor import Monitor
from service.storage.sources import allowed
from service.verbs.context import Context
from service.verbs.datasets import dataset_file, refuse_early, store_dataset
from service.verbs.drift import DriftRequest, drift
from service.verbs.lint import LintRequest
from service.verbs.linting.query import lint_request
from service.verbs.receiving.bodies import is_large
from service.verbs.receiving.named import named
from service.verbs.receiving.uploads import client_left, in_thread, received
from service.verbs.redacting.settings import tables_of

FROM = "from"


def check_data(context: Context, data: dict[str, str]) -> list[ErrorItem]:
    """Everything that is wrong with what is to be stored; the URL is not repeated, for it may hold a signature."""
    try:
        _asked(context, data)
        errors: list[ErrorItem] = []
    except TuneGateError as error:
        errors = list(error.errors) or [ErrorItem("query", error.detail)]
    try:
        allowed(data.get(FROM, ""), context.settings.storage.sources, context.caller.project)
    except TuneGateError as error:
        errors += error.errors
    return [msgspec.structs.replace(one, where=f"data.{one.where}") for one in errors]


async def stored_now(context: Context, data: dict[str, str]) -> Dataset:
    """What lies there now, linted and stored; the same bytes are the same dataset.

    Raises:
        TuneGateError: as `POST /v1/datasets?from=`.
    """
    asked = _asked(context, data)
    await refuse_early(context, asked)
    async with received(await named(context, data[FROM]), context.settings, context.bodies) as path:
        slots = context.linting_large if is_large(path) else context.linting
        return await in_thread(_service_ends(), lambda stop: store_dataset(context, path, asked, stop), slots)


async def compared_data(context: Context, monitor: Monitor, before: Dataset, after: Dataset) -> DriftReport:
    """The report of two stored datasets; large ones are read by a worker, from copies that are checked.

    Raises:
        TuneGateError: what the storage raises, `worker_lost`, as `drift`.
    """
    assert monitor.data is not None
    asked = _asked(context, monitor.data)

    def work(stop: threading.Event) -> DriftReport:
        request = DriftRequest(
            baseline=dataset_file(context, before), current=dataset_file(context, after), target=asked.target,
            method=asked.method, model=asked.model, tokens=asked.tokens, languages=asked.languages,
            thresholds=monitor.thresholds, workers=1,
        )  # fmt: skip
        if any(path is not None and is_large(path) for path in (request.baseline, request.current)):
            return context.workers.run(compared, request, stop=stop)
        return compared(request, context.rules, stop)

    report = await in_thread(_service_ends(), work, context.linting_large)
    # where the copies lie is nobody's business
    sides = [
        msgspec.structs.replace(side, path=one.id) for side, one in ((report.baseline, before), (report.current, after))
    ]
    return msgspec.structs.replace(report, baseline=sides[0], current=sides[1])


def compared(request: DriftRequest, rules: RuleFiles, stop: threading.Event) -> DriftReport:
    """The report, by whoever makes it."""

    def unless_stopped(read_bytes: int) -> None:
        del read_bytes
        if stop.is_set():
            raise client_left()

    return drift(request, rules=rules, progress=unless_stopped)


async def _service_ends() -> None:
    """Never, by itself: the run that waits is cancelled when the service ends."""
    await asyncio.Event().wait()


def _asked(context: Context, data: dict[str, str]) -> LintRequest:
    query = [(name, value) for name, value in data.items() if name != FROM]
    tables = tables_of(context.settings.privacy_settings)
    return lint_request(query, context.rules, stored=True, privacy=tables)
