"""Carries monitors on: claims what is due, asks for its evaluation or stores its data, and has a run concluded.

Called at every look of the caretaker. All that it does may be done twice, by two services or after a kill: a slot has
one run, a run one evaluation (its Idempotency-Key is the run's id) or one dataset, and a run ends once. While the
storage or the database is away a run waits, longer every time, and says so as soon as it can be written.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import NamedTuple

import msgspec

from service.clock import later, now
from service.errors import TuneGateError
from service.jobs.carrying import AWAY
from service.jobs.keeping import PASSES
from service.jobs.schedules import next_slot
from service.records.access import Caller
from service.records.monitor import MonitorRun, RunError
from service.store.monitors import OpenRun
from service.verbs import evaluations
from service.verbs.context import Context
from service.verbs.monitoring.concluding import conclude
from service.verbs.monitoring.data import stored_now

_LOG = logging.getLogger("tunegate.monitors")
_ACTOR = "monitor"
# a run that meets what nobody handles is tried so often before it is given up
_MOST_TRIES = 3
# slots are minutes apart
_IDLE_SECONDS = 5.0
# beside an outage of the storage: what others use up for a while
_PASSES = PASSES | {"busy", "disk_full", "body_stalled"}
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 2.0, 120.0
_DATABASE = RunError(
    "environment", "The database did not answer, or cut the service off.", "It is tried again by itself."
)


class _Wait(NamedTuple):
    """Why a run waits, and until when; `said` once its record says so. `in_a_row` counts since it last went on."""

    retries: int
    in_a_row: int
    retry_at: str
    error: RunError
    said: bool


class Rounds:
    """One in every service that carries out jobs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._going: dict[str, asyncio.Task[None]] = {}
        self._tries: dict[str, int] = {}
        self._waits: dict[str, _Wait] = {}
        self._looked = -_IDLE_SECONDS
        # a service that has lost its database does not even come to look: its executor knows of it
        self._cuts, self._missed = context.runner.executor.cuts, False

    async def look(self) -> None:
        """Claim what is due, and go on with what is open; what takes long goes on beside the next looks."""
        moment = time.monotonic()
        cuts = self._context.runner.executor.cuts
        self._missed |= cuts != self._cuts
        self._cuts = cuts
        if moment - self._looked < _IDLE_SECONDS and not self._missed:
            return
        try:
            found = await asyncio.to_thread(self._open)
        except AWAY:
            self._missed = True
            raise
        if self._missed:
            # whatever is open now was open, or became due, while this service could not look; what waits already is
            # put off no further, else one outage after another would keep it from ever going on
            self._missed = False
            for one in found:
                if one.run.id not in self._waits:
                    self._note(one.run, _DATABASE)
        # while nothing is open, most looks cost nothing at all
        self._looked = -_IDLE_SECONDS if found else time.monotonic()
        unended = {one.run.id for one in found}
        self._waits = {run: wait for run, wait in self._waits.items() if run in unended}
        for one in found:
            if one.run.id not in self._going and not self._held_back(one.run):
                task = self._going[one.run.id] = asyncio.create_task(self._go_on(one))
                task.add_done_callback(lambda _, run=one.run.id: self._going.pop(run))  # type: ignore[misc]

    def _open(self) -> list[OpenRun]:
        store = self._context.store.monitors
        store.claim_due(lambda one: next_slot(one.schedule, one.created_at))
        return store.open_runs()

    async def end(self) -> None:
        """Leave what goes on to the next start."""
        for task in list(self._going.values()):
            task.cancel()
        await asyncio.gather(*self._going.values(), return_exceptions=True)

    def _held_back(self, run: MonitorRun) -> bool:
        """Whether its next try is still to come; a clock that was set back makes nobody wait for it to catch up."""
        wait = self._waits.get(run.id)
        if wait is not None and not wait.said:
            return False
        retry_at = max(run.retry_at or "", wait.retry_at if wait is not None else "")
        return now() < retry_at <= later(_LONGEST_WAIT_SECONDS)

    async def _go_on(self, one: OpenRun) -> None:
        own = self._context.of(Caller(one.project, f"{_ACTOR}:{one.monitor.id}", frozenset()))
        try:
            wait = self._waits.get(one.run.id)
            if wait is not None and not wait.said:
                await self._say(own, one.run, wait)
                if self._held_back(one.run):
                    return
            await self._step(own, one)
            self._tries.pop(one.run.id, None)
            await self._went_on(own, one.run)
        except AWAY:
            self._note(one.run, _DATABASE)
        except TuneGateError as error:
            await self._refused(own, one.run, error)
        except Exception as error:  # noqa: BLE001 - its words may repeat an answer, its type does not
            tries = self._tries[one.run.id] = self._tries.get(one.run.id, 0) + 1
            _LOG.error("A monitor's run failed (%s).", type(error).__name__, extra={"fields": {"run_id": one.run.id}})
            if tries >= _MOST_TRIES:
                broke = RunError("internal", f"The run met {type(error).__name__}, which nobody handles.", "Report it.")
                with suppress(*AWAY):
                    await asyncio.to_thread(_failed, own, one.run, broke)

    async def _step(self, own: Context, one: OpenRun) -> None:
        """The next thing that a run needs."""
        begun = own.store.monitors.begun
        if one.run.state == "running":
            await conclude(own, one.monitor, one.run)
        elif one.monitor.data is not None:
            dataset = await stored_now(own, one.monitor.data)
            await asyncio.to_thread(begun, one.run.id, dataset=dataset.id)
        else:
            body = msgspec.json.encode(one.monitor.evaluation)
            job = await evaluations.launch(own, body, idempotency_key=f"{_ACTOR}/{one.run.id}")
            await asyncio.to_thread(begun, one.run.id, evaluation=job.id)

    async def _went_on(self, own: Context, run: MonitorRun) -> None:
        """Wait no more, and the next time as briefly as the first; a wait that nobody was told of yet is told first."""
        wait = self._waits.get(run.id)
        if wait is not None and not wait.said:
            return
        if wait is not None or run.retry_at is not None:
            await asyncio.to_thread(own.store.monitors.goes_on, run.id)
            self._waits.pop(run.id, None)

    async def _refused(self, own: Context, run: MonitorRun, error: TuneGateError) -> None:
        """End the run, unless it meets what passes: then it waits. What a dead database leaves unsaid is said later."""
        told = RunError(error.code, error.detail, error.remedy)
        try:
            if error.code in _PASSES:
                await self._say(own, run, self._note(run, told))
            else:
                await asyncio.to_thread(_failed, own, run, told)
        except AWAY:
            self._note(run, _DATABASE)

    def _note(self, run: MonitorRun, error: RunError) -> _Wait:
        """Have a run wait, twice as long as the last time if it did not go on since."""
        # a service that was started anew, or another one, knows from the record alone that it waits
        unknown = _Wait(run.retries, run.retries if run.retry_at is not None else 0, "", error, said=True)
        earlier = self._waits.get(run.id, unknown)
        seconds = min(_FIRST_WAIT_SECONDS * 2 ** min(earlier.in_a_row, 10), _LONGEST_WAIT_SECONDS)
        retries = max(run.retries, earlier.retries) + 1
        made = self._waits[run.id] = _Wait(retries, earlier.in_a_row + 1, later(seconds), error, said=False)
        _LOG.warning("A monitor's run waits (%s).", error.code, extra={"fields": {"run_id": run.id}})
        return made

    async def _say(self, own: Context, run: MonitorRun, wait: _Wait) -> None:
        await asyncio.to_thread(own.store.monitors.waits, run.id, wait.retries, wait.retry_at, wait.error)
        self._waits[run.id] = wait._replace(said=True)


def _failed(context: Context, run: MonitorRun, error: RunError) -> None:
    context.store.monitors.end(msgspec.structs.replace(run, state="failed", error=error, ended_at=now()))
