"""Submits, cancels, removes and looks after work of processes of their own, wherever it is carried out."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Generic

from dbos import DBOS, SetWorkflowID

from service.errors import TuneGateError
from service.files import write_error
from service.jobs.caretaker import Kind, cancel_workflows, own_queue, workflows_of
from service.jobs.executor import Executor
from service.jobs.outside import GRACE_SECONDS, Outside
from service.jobs.outside_folders import within_reach
from service.jobs.outside_inputs import OutsideInputs, continued, encoded, fill, with_answers
from service.jobs.queues import BELL
from service.launch.local import WORK, stop_trainer
from service.records.evaluation_job import EvaluationError
from service.records.job import ENDED
from service.store.runs import Run
from service.store.store import Store
from service.store.works import J

# one that is being prepared has a folder before it has a row
_LEFT_SECONDS = 60.0


class OutsideRunner(Generic[J]):
    """Submits, cancels and stops work of one kind, each in a folder of its own below `folder`."""

    def __init__(self, work: Outside[J], store: Store, folder: Path, executor: Executor, *, works: bool) -> None:
        self._work: Outside[J] = work
        work.folder = folder
        self._store, self._folder, self._executor, self._works = store, folder, executor, works
        self._cancelling: set[asyncio.Task[None]] = set()

    def prepare(self, identifier: str, inputs: OutsideInputs) -> str | None:
        """Make its folder where it is to be carried out here; what of it the database keeps where several share one.

        A service that carries nothing out keeps no file of it: nobody would remove it with the rest.

        Raises:
            OSError: when the folder cannot be made.
        """
        inputs, shared = with_answers(inputs, self._folder), self._executor.others is not None
        if self._works and not (shared and inputs.continues):
            fill(self._folder / identifier, inputs, None)
        return encoded(inputs) if shared else None

    def unprepare(self, identifier: str) -> None:
        """Remove the folder of one that was not stored."""
        shutil.rmtree(self._folder / identifier, ignore_errors=True)

    async def submit(self, identifier: str) -> None:
        """Queue one that is stored and prepared; the id is the workflow's, so twice is once."""
        out = self._folder / identifier
        if self._works and await asyncio.to_thread(out.is_dir):
            await asyncio.to_thread(self._store.runs.place, identifier, home=self._executor.home, folder=str(out))
            queue = own_queue(self._work.queue, self._executor.name)
        else:
            queue = await self._queue_elsewhere(identifier)
        with SetWorkflowID(identifier):
            await DBOS.enqueue_workflow_async(queue, self._work.carry_out, identifier)
        BELL.ring()

    async def _queue_elsewhere(self, identifier: str) -> str:
        """That of the living service which has the answers that it goes on with; else whoever is free takes it."""
        before = continued(await asyncio.to_thread(self._store.runs.inputs, identifier))
        if before is not None and (others := self._executor.others) is not None:
            silent = await asyncio.to_thread(others.silent, silent_ms=self._executor.silent_ms)
            for one in reversed(await workflows_of(before)):
                name = (one.executor_id or "").partition("/")[0]
                if not silent(name):
                    return own_queue(self._work.queue, name)
        return self._work.queue

    def cancel_soon(self, identifier: str) -> None:
        """Cancel in the background; the state is already `cancelling`."""
        task = asyncio.create_task(self._cancel(identifier))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def remove(self, identifier: str) -> None:
        """End it with its processes if it has not ended, and remove its folder, its row and its record.

        The row goes last, so that what was cut off can be asked for again.

        Raises:
            TuneGateError: `unknown_id`.
        """
        job = await asyncio.to_thread(self._work.enter, identifier, "cancelling")
        if job.state == "cancelling":
            await self._cancel(identifier)
        await asyncio.to_thread(self._remove, identifier, self._folder / identifier)

    async def stop_all(self) -> None:
        """Cancel everything that has not ended, and wait until no process is left."""
        for identifier in await asyncio.to_thread(self._work.rows.open_ones):
            run = await asyncio.to_thread(self._store.runs.get, identifier)
            if self._executor.others is None or self._mine(run):
                with suppress(TuneGateError):
                    await asyncio.to_thread(self._work.enter, identifier, "cancelling")
                await self._cancel(identifier)

    def kind(self) -> Kind:
        """How a caretaker looks after them."""
        work = self._work
        broke = EvaluationError(
            "internal", f"The {work.noun} met a problem of the service again and again.", "Ask again."
        )
        return Kind(
            workflow=work.carry_out,
            name=f"carry_out_{work.noun}",
            queue_of=lambda _: work.queue,
            open=work.rows.open_ones,
            cancelling=work.rows.cancelling,
            finish_cancelling=self._cancel,
            give_up=lambda identifier: work.fail(identifier, broke),
            sweep=self._sweep,
        )

    async def _cancel(self, identifier: str) -> None:
        """Of one that is carried out elsewhere only its workflow: who has its process says that it is gone."""
        await cancel_workflows(identifier)
        run = await asyncio.to_thread(self._store.runs.get, identifier)
        if run.carrier is None or self._mine(run):
            await self._cancelled(identifier)
        elif run.executor is not None and self._works:
            async with self._executor.dead(run.executor) as dead:
                if dead:
                    await self._cancelled(identifier)

    def _mine(self, run: Run) -> bool:
        """Whether it is carried out here; a service without a worker may have the name of one that has."""
        return self._works and run.executor == self._executor.name

    async def _cancelled(self, identifier: str) -> None:
        out = await asyncio.to_thread(within_reach, identifier, self._folder)
        await asyncio.to_thread(stop_trainer, out or self._folder / identifier, grace_seconds=GRACE_SECONDS)
        with suppress(TuneGateError):  # removed meanwhile
            await asyncio.to_thread(self._work.enter, identifier, "cancelled")

    def _sweep(self) -> None:
        """Stop processes of what has ended, and remove what another service was asked to remove."""
        for made in self._folder.glob(f"*/{WORK}"):
            out = made.parent
            state, home = self._work.state_of(out.name), self._store.runs.get(out.name).home
            elsewhere = home not in {None, self._executor.home}
            if (state in {None, *ENDED} or elsewhere) and time.time() - made.stat().st_mtime > _LEFT_SECONDS:
                stop_trainer(out, grace_seconds=0)
                if state is None:
                    shutil.rmtree(out, ignore_errors=True)
                elif state in ENDED:
                    self._work.tidy(out.name, out)

    def _remove(self, identifier: str, out: Path) -> None:
        _remove_folder(out)
        self._work.rows.forget(identifier)
        # a process that was being started when the folder went may have made it again
        _remove_folder(out)


def _remove_folder(out: Path) -> None:
    try:
        shutil.rmtree(out)
    except FileNotFoundError:
        return
    except OSError as error:
        raise write_error(out, error) from error
