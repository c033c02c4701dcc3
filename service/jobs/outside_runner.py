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
from service.files import write_atomically, write_error
from service.jobs.caretaker import Kind, cancel_workflows, own_queue
from service.jobs.executor import Executor
from service.jobs.outside import GRACE_SECONDS, Outside
from service.jobs.outside_inputs import ANSWERS
from service.jobs.queues import BELL
from service.launch.local import WORK, stop_trainer, work_plan
from service.records.evaluation_job import EvaluationError
from service.records.job import ENDED
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

    def prepare(self, identifier: str, work: bytes, *, answers: bytes | None) -> Path:
        """Make the folder, readable by this user alone, with what the process is to do and answers from before."""
        out = self._folder / identifier
        (out / ANSWERS).mkdir(parents=True, mode=0o700)
        out.chmod(0o700)
        write_atomically(work_plan(out), work)
        if answers is not None:
            write_atomically(out / ANSWERS / "answers.jsonl", answers)
        return out

    @property
    def shared(self) -> bool:
        """Whether other services may have to begin one anew, so that what it needs is kept in the database."""
        return self._executor.others is not None

    async def submit(self, identifier: str) -> None:
        """Queue one that is stored and prepared; the id is the workflow's, so twice is once."""
        where = {"home": self._executor.home, "folder": str(self._folder / identifier)}
        await asyncio.to_thread(self._store.runs.place, identifier, **where)
        # its files are here
        queue = self._work.queue
        queue = own_queue(queue, self._executor.name) if self._works else queue
        with SetWorkflowID(identifier):
            await DBOS.enqueue_workflow_async(queue, self._work.carry_out, identifier)
        BELL.ring()

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
            if self._executor.others is None or run.executor == self._executor.name:
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
        if run.carrier is None or run.executor == self._executor.name:
            await self._cancelled(identifier)
        elif run.executor is not None and self._works:
            async with self._executor.dead(run.executor) as dead:
                if dead:
                    await self._cancelled(identifier)

    async def _cancelled(self, identifier: str) -> None:
        await asyncio.to_thread(stop_trainer, self._folder / identifier, grace_seconds=GRACE_SECONDS)
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
