"""One job that is carried out elsewhere: submitted once, looked at, billed, and honest about what is not known."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from service.errors import TuneGateError
from service.jobs import silence
from service.jobs.carrying import carrier, require_mine
from service.jobs.pace import Pace
from service.jobs.silence import Silence
from service.jobs.spending import Spending
from service.jobs.states import enter, fail, forward
from service.jobs.threads import lock_of, sending, threaded
from service.launch.exporting import require_libraries
from service.launch.targets.registry import target_of
from service.launch.targets.target import LaunchPlan, RemoteRef, RemoteStatus, Target
from service.records.hosted import HOSTED, Hosted
from service.records.job import ENDED, Job, JobError, RemoteRun
from service.store.store import Store
from trainers.contract import Progress

_LOG = logging.getLogger("tunegate.jobs")
# so many looks in a row without an answer, and the job's state is not known any more
_UNKNOWN_AFTER = 3
# a job that was just made may not be seen by every server there yet
_GONE_AFTER = 3
# how a target says that there is no such job any more
GONE = frozenset({"remote_gone", "deleted_externally"})
# what may pass before a job is made there
_WAITS = "remote_waits"
_PASSES = {"target_unreachable", "storage_unreachable", "storage_refused"}
# what a launch plan uploads, by its names for it, as files of this machine
Files = Callable[[], Mapping[str, Path | None]]


class Followed:
    """One job on its target."""

    def __init__(self, store: Store, job_id: str, files: Files | None = None) -> None:
        self._store, self._id, self._files = store, job_id, files
        self.plan = plan_of(store, job_id)
        self.target: Target = target_of(self.plan)
        self._spending = Spending(store, job_id, self.plan)
        self._silence = Silence(store.launches, job_id)
        self._pace = Pace(self.plan)
        self._gone = 0
        # neither is taken back, so each is asked for until it is there
        self._ref: RemoteRef | None = None
        self._forwarded: int | None = None
        # some targets tell everything once: what was read waits here until it is stored
        self._unstored: deque[Progress] = deque()
        self._status = ""

    @property
    def pause(self) -> float:
        return self._pace.pause

    def stirred(self) -> None:
        """Something was asked of the target."""
        self._pace.stirred()

    def ref(self) -> RemoteRef:
        """The reference that is kept.

        Raises:
            TuneGateError: `remote_gone` when there is none.
        """
        if self._ref is None:
            launch = self._store.launches.find(self._id)
            if launch is None or launch.ref is None:
                raise TuneGateError("remote_gone", "The job was never made there.", remedy="Launch the plan again.")
            self._ref = msgspec.json.decode(launch.ref, type=RemoteRef)
        return self._ref

    async def submitted(self) -> bool:
        """Whether the job exists there now; what may pass is tried again, and never makes a second job."""
        if await threaded(self._stands):
            return True
        while True:
            if (exists := await sending(self._tried, target=self.plan.target)) is not None:
                return exists
            await asyncio.sleep(self.pause)

    def _stands(self) -> bool:
        """Whether it is known to exist there: it need not wait for those that are yet to be sent."""
        launch = self._store.launches.find(self._id)
        return launch is not None and launch.ref is not None and self._wanted()

    def _tried(self) -> bool | None:
        """True when it exists there, False when it will not, None when it is to be tried again."""
        if not self._wanted():
            return False
        try:
            self._submit()
        except TuneGateError as error:
            if error.code == _WAITS:
                return None
            if error.code in _PASSES:
                self._pace.unanswered(gone=False)
                self.say(self._pace.failures, error)
                return None
            self._fail(error)
            return False
        self._pace.failures = 0
        return self._wanted()

    async def look(self) -> bool | None:
        """True when it succeeded there, False when it ended otherwise, None while it goes on."""
        try:
            ended = await threaded(self._looked, target=self.plan.target)
        except TuneGateError as error:
            unseen = error
        except Exception as error:  # noqa: BLE001 - whatever is wrong here ends nothing there: it is looked at again
            _LOG.exception("a look at a remote job failed")
            unseen = TuneGateError("internal", f"The look failed ({type(error).__name__}).", remedy="It goes on there.")
        else:
            self._gone = 0
            return ended
        return await threaded(lambda: self._unseen(unseen))

    def _looked(self) -> bool | None:
        status = self.target.poll(self.ref())
        heard = self.forward()
        ended = self._take(status)
        # who pauses a job may let it go on any moment
        self._pace.looked(news=heard or status.raw != self._status or status.state == "paused")
        self._status = status.raw
        return ended

    def forward(self) -> bool:
        """Append what the trainer reported since; whether it reported anything."""
        if self._forwarded is None:
            self._forwarded = self._store.forwarded(self._id)
        known = self._unstored[-1].n if self._unstored else self._forwarded
        self._unstored.extend(self.target.progress(self.ref(), after=known))
        heard = bool(self._unstored)
        while self._unstored:
            forward(self._store, self._id, self._unstored[0])
            self._forwarded = self._unstored.popleft().n
        return heard

    def say(self, failures: int, error: TuneGateError) -> None:
        """Tell once that the target does not answer."""
        if failures == 1:
            self.log(f"{error.detail} {error.remedy}")
        if failures == _UNKNOWN_AFTER:
            enter(self._store, self._id, "unknown")

    def keep_hosted(self, out: Path) -> None:
        """Show what a service that keeps the weights made."""
        if (out / HOSTED).is_file():
            hosted = msgspec.json.decode((out / HOSTED).read_bytes(), type=Hosted)
            self._store.update_job(self._id, lambda job: msgspec.structs.replace(job, hosted=hosted), carrier=carrier())

    def named(self, model: str) -> None:
        """Note what the model is registered as."""

        def change(job: Job) -> Job | None:
            run = job.remote or RemoteRun(self.plan.target, self.plan.name)
            return msgspec.structs.replace(job, remote=msgspec.structs.replace(run, model=model))

        said = {"message": f"the model is registered as {model}"}
        self._store.update_job(self._id, change, ("log", said), carrier=carrier())

    def require_wanted(self) -> None:
        """Stop a transfer whose job is being cancelled.

        Raises:
            TuneGateError: `job_cancelled`.
        """
        if not self._wanted():
            raise TuneGateError("job_cancelled", "The job was cancelled while its files were fetched.")

    def _wanted(self) -> bool:
        job = self._store.job(self._id)
        return job.state not in ENDED and job.state != "cancelling"

    def _submit(self) -> None:
        with lock_of(self._id):
            launch = self._store.launches.find(self._id)
            if (launch is not None and launch.ref is not None) or not self._wanted():
                return
            require_libraries(self.plan.libraries)
            ref = self.target.submit(self._with_files())
            self._store.launches.refer(self._id, msgspec.json.encode(ref))
        for warning in self.plan.warnings:
            self.log(warning)
        run = RemoteRun(ref.target, ref.name, None, ref.url)
        said = {"message": f"submitted to {ref.target} as {ref.name}" + (f": {ref.url}" if ref.url else "")}
        self._store.update_job(
            self._id, lambda job: msgspec.structs.replace(job, remote=run), ("log", said), carrier=carrier()
        )

    def _with_files(self) -> LaunchPlan:
        """Where what is sent lies on this machine, which need not be the one that launched it."""
        found = self._files() if self._files is not None else {}
        files = {name: str(found.get(name) or path) for name, path in self.plan.files.items()}
        return msgspec.structs.replace(self.plan, files=files)

    def _take(self, status: RemoteStatus) -> bool | None:
        # a look that writes nothing finds out too that another service carries the job out
        require_mine(self._store.runs, self._id)
        cost = self._spending.so_far(status)
        job = self._store.job(self._id)
        # a look that shows nothing new writes nothing
        if job.remote is None or job.remote.status != status.raw or cost not in {None, job.cost}:
            self._show(status, cost)
        if self._silence.too_long(lost=status.lost):
            self._end_there()
            detail = f"Its machines did not answer for {silence.LOST_SECONDS / 60:g} minutes ({status.raw})."
            remedy = "It was told to end there. Launch the plan again; the target's log may say why."
            self._fail(TuneGateError("job_failed", detail, remedy=remedy))
            return False
        if status.state == "succeeded":
            return enter(self._store, self._id, "finalizing").state == "finalizing"
        if status.state in {"failed", "cancelled"} and self._spending.too_dear(cost):
            self._fail(self._spending.ended(cost))
            return False
        if status.state == "failed":
            known = status.error
            assert known is not None
            fail(self._store, self._id, JobError(known.code, known.detail, known.remedy))
            return False
        if status.state == "cancelled":
            return self._ended_there()
        if self._spending.too_dear(cost) and status.state != "cancelling":
            # it has failed once it has ended there
            self.log(self._spending.ended(cost).detail)
            self.target.cancel(self.ref())
        state = "running" if status.state == "cancelling" else status.state
        if job.state != state:
            enter(self._store, self._id, state)
        return None

    def _end_there(self) -> None:
        with suppress(TuneGateError):  # its own time limit ends it where it cannot be told
            self.target.cancel(self.ref())

    def _show(self, status: RemoteStatus, cost: float | None) -> None:
        def change(job: Job) -> Job | None:
            run = job.remote or RemoteRun(self.plan.target, self.plan.name)
            changed = msgspec.structs.replace(
                job, remote=msgspec.structs.replace(run, status=status.raw), cost=cost if cost is not None else job.cost
            )
            return changed if changed != job else None

        self._store.update_job(self._id, change, carrier=carrier())

    def _ended_there(self) -> bool:
        error = JobError(
            "job_cancelled", "The job was ended on its target: by its time limit, or by somebody.", "Launch it again."
        )
        enter(self._store, self._id, "cancelled", error=error)
        return False

    def _unseen(self, error: TuneGateError) -> bool | None:
        """A job that cannot be seen goes on there: only one that is known to be gone has failed."""
        self._pace.unanswered(gone=error.code in GONE)
        if error.code in GONE:
            self._gone += 1
            return self._lost(error.code) if self._gone >= _GONE_AFTER else None
        if error.code == "artifact_corrupt":
            self._fail(error)
            return False
        self.say(self._pace.failures, error)
        return None

    def _lost(self, code: str) -> bool:
        """A target whose jobs end by being deleted says nothing else of one that became too dear."""
        cost = self._spending.so_far(RemoteStatus(state="unknown", raw=code))
        if self._spending.too_dear(cost):
            self._fail(self._spending.ended(cost))
        else:
            self._fail(TuneGateError(code, "The remote job was deleted there.", remedy="Launch it again."))
        return False

    def _fail(self, error: TuneGateError) -> None:
        fail(self._store, self._id, JobError(error.code, error.detail, error.remedy))

    def log(self, message: str) -> None:
        """Say something in the job's events."""
        self._store.update_job(self._id, lambda job: job, ("log", {"message": message}), carrier=carrier())


def plan_of(store: Store, job_id: str) -> LaunchPlan:
    """What was kept to be sent."""
    launch = store.launches.find(job_id)
    assert launch is not None
    return msgspec.json.decode(launch.plan, type=LaunchPlan)
