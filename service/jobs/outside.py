"""Work that a process of its own does, as a durable workflow: found again or started again after a restart.

What was answered lies in the folder of the work, so that a process that is started again asks for the rest alone.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Generic, Literal

import msgspec
from dbos import DBOS

from service.clock import now
from service.errors import TuneGateError
from service.jobs.carrying import carrier, carrying, patiently, take
from service.jobs.ground import Ground
from service.jobs.keeping import PASSES
from service.jobs.outside_folders import settled, within_reach
from service.jobs.outside_inputs import OUTCOME, PROGRESS
from service.launch.local import start_trainer, stop_trainer, trainer_alive
from service.records.evaluation_job import (
    EvaluationError,
    EvaluationMoment,
    EvaluationOutcome,
    EvaluationProgress,
    EvaluationState,
)
from service.records.job import ENDED
from service.records.synth_job import SynthOutcome, SynthProgress
from service.store.runs import Fenced
from service.store.store import Store
from service.store.works import J, Works

# at a time of one kind; they wait for endpoints most of their time
MOST_AT_ONCE = 2
GRACE_SECONDS = 10.0
_POLL_SECONDS, _WAIT_SECONDS = 0.2, 5.0
_MAX_STARTS = 3
Outcome = EvaluationOutcome | SynthOutcome
Progress = EvaluationProgress | SynthProgress
Concluded = Literal["gone"] | bool


class Outside(Generic[J]):
    """Work of one kind: the module that does it, its rows, and what of it is kept at the end.

    `keep` is given the id, the project and what the process left; what it returns changes the row that has succeeded,
    and `drop` takes it back where the work was cancelled or removed meanwhile. `tidy` removes from the folder of one
    that has ended what nobody needs any more. `folder` is set by the service before DBOS starts.
    """

    folder: Path

    def __init__(
        self,
        noun: str,
        verb: str,
        *,
        queue: str,
        entry: str,
        rows: Callable[[Store], Works[J]],
        outcome: type[Outcome],
        progress: type[Progress],
    ) -> None:
        self.noun, self.verb, self.queue, self._entry = noun, verb, queue, entry
        self._outcome, self._progress = outcome, progress
        self._rows: Callable[[Store], Works[J]] = rows
        self.keep: Callable[[str, str, Path, Outcome], dict[str, object]]
        self.drop: Callable[[str, dict[str, object]], None]
        self.tidy: Callable[[str, Path], None] = _leave
        self.carry_out: Callable[[str], Coroutine[Any, Any, None]] = _registered(noun, self._follow, self._conclude)

    @property
    def rows(self) -> Works[J]:
        """Those of all projects."""
        found: Works[J] = self._rows(Ground.store)
        return found

    def state_of(self, identifier: str) -> EvaluationState | None:
        """The state it is in; None for one that was removed."""
        try:
            return self.rows.get(identifier).state
        except TuneGateError:
            return None

    def enter(self, identifier: str, state: EvaluationState, **changes: object) -> J:
        """Enter a state unless it has ended, or is being cancelled and this is not its end."""

        def change(job: J) -> J | None:
            if job.state in ENDED or job.state == state or (job.state == "cancelling" and state != "cancelled"):
                return None
            timeline = [*job.timeline, EvaluationMoment(state, now())]
            return msgspec.structs.replace(job, state=state, timeline=timeline, **changes)

        return self.rows.update(identifier, change, carrier=carrier())

    def fail(self, identifier: str, error: EvaluationError) -> bool:
        """End it as failed; False, as a step says that it is over."""
        self.enter(identifier, "failed", error=error)
        return False

    def left(self, out: Path) -> Outcome | None:
        """What the process left, or None: it is the only proof that it came to its end."""
        try:
            return msgspec.json.decode((out / OUTCOME).read_bytes(), type=self._outcome)
        except FileNotFoundError:
            return None

    async def _follow(self, identifier: str) -> bool:
        """Start the process or adopt the living one, and wait for its end; one that was killed is started again."""
        await take(Ground.store.runs, Ground.executor)
        if await patiently(self.state_of, identifier) is None:
            return False
        out: Path | None = None
        try:
            if (await patiently(self.enter, identifier, "running")).state != "running":
                return False
            out = await self._settled(identifier)
            if out is None:
                return False
            for _ in range(_MAX_STARTS):
                if not await patiently(self._start_or_adopt, identifier, out):
                    return False
                await self._until_dead(identifier, out)
                if self.left(out) is not None:
                    return True
            await patiently(self.fail, identifier, self._died())
        except BaseException:
            # only one that is being cancelled may lose its process: a run that was fenced off must not end the
            # adopted one
            if await patiently(self.state_of, identifier) in {"cancelling", "cancelled", None}:
                # an adopted one lives in the folder of the service that is lost
                mine = self.folder / identifier
                await asyncio.to_thread(stop_trainer, out or mine, grace_seconds=GRACE_SECONDS)
            raise
        return False

    async def _settled(self, identifier: str) -> Path | None:
        """Its folder, once the storage gives what it reads; None when it has ended or is being cancelled."""
        while (await patiently(self.state_of, identifier)) == "running":
            try:
                out = await patiently(settled, identifier, self.folder, self.rows.project)
            except (TuneGateError, OSError) as error:
                if not isinstance(error, TuneGateError) or error.code not in PASSES:
                    await patiently(self.fail, identifier, _told(error))
                    return None
            else:
                if out is None:
                    await patiently(self.fail, identifier, self._out_of_reach())
                return out
            await asyncio.sleep(_WAIT_SECONDS)
        return None

    def _start_or_adopt(self, identifier: str, out: Path) -> bool:
        if self.left(out) is not None or trainer_alive(out):
            return True
        if self.state_of(identifier) != "running":
            return False
        try:
            start_trainer(out, self._entry)
        except (TuneGateError, OSError) as error:
            self.fail(identifier, _told(error))
            return False
        if (state := self.state_of(identifier)) != "running":
            # cancelled while it was being started: whoever cancelled it may not have seen it yet
            stop_trainer(out, grace_seconds=0)
            if state is None:
                shutil.rmtree(out, ignore_errors=True)
            return False
        return True

    async def _until_dead(self, identifier: str, out: Path) -> None:
        shown, running = self._progress(), True
        while running:
            running = await asyncio.to_thread(trainer_alive, out)
            shown = await patiently(self._show, identifier, out, shown)
            if running:
                await asyncio.sleep(_POLL_SECONDS)

    def _show(self, identifier: str, out: Path, shown: Progress) -> Progress:
        """Take over how far the process is."""
        try:
            seen: Progress = msgspec.json.decode((out / PROGRESS).read_bytes(), type=self._progress)
        except FileNotFoundError:
            seen = shown
        mine = carrier()
        if mine is not None and Ground.store.runs.get(identifier).carrier not in {mine, None}:
            raise Fenced(identifier)
        if seen != shown:
            change = lambda job: msgspec.structs.replace(job, progress=seen)  # noqa: E731
            self.rows.update(identifier, change, carrier=mine)
        return seen

    def _conclude(self, identifier: str) -> Concluded:
        """Keep what was made where its project looks for it; "gone" where its folder is on a host that is lost."""
        state = self.state_of(identifier)
        if state is None or state in ENDED:
            return False  # a kill came before its end was noted
        out = within_reach(identifier, self.folder)
        outcome = self.left(out) if out is not None else None
        if out is None or outcome is None:
            return "gone"
        if outcome.record is None:
            none = EvaluationError("internal", f"The process that {self.verb} left no record.", "")
            return self.fail(identifier, outcome.error or none)
        try:
            project = self.rows.project(identifier)
            changes = self.keep(identifier, project, out, outcome)
        except TuneGateError as error:
            if error.code in PASSES:
                raise
            return self.state_of(identifier) is not None and self.fail(identifier, _told(error))
        try:
            kept = self.enter(identifier, "succeeded", **changes).state == "succeeded"
        except TuneGateError:
            kept = False
        if kept:
            self.tidy(identifier, out)
        else:
            # one that was cancelled or removed meanwhile leaves none behind
            self.drop(project, changes)
        return kept

    def _died(self) -> EvaluationError:
        return EvaluationError(
            "trainer_died",
            f"The process that {self.verb} was ended.",
            "Ask again with `continues`: what was answered is kept. Often too little memory is left for a model.",
        )

    def _out_of_reach(self) -> EvaluationError:
        return EvaluationError(
            "environment",
            f"The service that has the files of the {self.noun} is gone, and they cannot be reached here.",
            "Ask again.",
        )


def _registered(
    noun: str, following: Callable[[str], Coroutine[Any, Any, bool]], concluding: Callable[[str], Concluded]
) -> Callable[[str], Coroutine[Any, Any, None]]:
    """The workflow of a kind and its steps, by the names that open ones have in the database."""

    @DBOS.step(name=f"follow_{noun}", preemptible=True)
    async def follow(identifier: str) -> bool:
        return await following(identifier)

    @DBOS.step(name=f"conclude_{noun}")
    async def conclude(identifier: str) -> Concluded:
        await take(Ground.store.runs, Ground.executor)
        while True:
            try:
                return await patiently(concluding, identifier)
            except TuneGateError as error:
                if error.code not in PASSES:
                    raise
            await asyncio.sleep(_WAIT_SECONDS)

    @DBOS.workflow(name=f"carry_out_{noun}")
    async def carry_out(identifier: str) -> None:
        with carrying(identifier):
            while await follow(identifier):
                if await conclude(identifier) != "gone":
                    break

    registered: Callable[[str], Coroutine[Any, Any, None]] = carry_out
    return registered


def _leave(identifier: str, out: Path) -> None:
    """All of it stays until it is removed."""
    del identifier, out


def _told(error: Exception) -> EvaluationError:
    known = error if isinstance(error, TuneGateError) else TuneGateError("environment", type(error).__name__)
    return EvaluationError(known.code, known.detail, known.remedy)
