"""Jobs that are carried out elsewhere: submitted once, followed through failures, cancelled, and fetched.

What will be sent is kept before the first remote call, so that after a kill at any point the same job is found again.
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa

from service.artifacts.bundle import read_manifest
from service.errors import TuneGateError
from service.jobs.pace import pause_of
from service.jobs.remote_job import GONE, Files, Followed, plan_of
from service.jobs.stirring import followed, stir
from service.jobs.threads import lock_of, rest, threaded
from service.launch.targets.registry import target_of
from service.launch.targets.target import Pausable, Registers, RemoteRef
from service.records.job import ENDED
from service.store.store import Store

QUEUE = "remote"
# followed at a time; they wait most of their time
MOST_AT_ONCE = 1000
_LOOK_SECONDS = 2.0
_LOAD_SECONDS = 3600
_REGISTER_TRIES = 10
# some targets end a job at once
_SOON_SECONDS = 1.0
_SENT_SECONDS = 1.0


def is_remote(store: Store, job_id: str) -> bool:
    """Whether a job is carried out elsewhere."""
    return store.launches.find(job_id) is not None


async def follow(store: Store, job_id: str, files: Files) -> bool:
    """Submit the job, or find it again, and look at it until it ends; True when its files can be fetched."""
    one = await threaded(lambda: Followed(store, job_id, files))
    if not await one.submitted():
        return False
    with followed(job_id) as pauses:
        while (ended := await one.look()) is None:
            if await pauses.pause(one.pause):
                one.stirred()
    return ended


async def cancel(store: Store, job_id: str) -> None:
    """End the remote job and wait until it has ended there, however long it takes to reach the target."""
    plan, failures, soon = await threaded(lambda: plan_of(store, job_id)), 0, _SOON_SECONDS
    while True:
        try:
            if await threaded(lambda: told_to_end(store, job_id), target=plan.target):
                return
        except TuneGateError:
            failures += 1
        await asyncio.sleep(min(pause_of(plan, failures), soon))
        soon = math.inf


def fetch(store: Store, job_id: str, out: Path) -> None:
    """Stream everything that the job left, compare every hash, and load every ONNX file.

    Raises:
        TuneGateError: `artifact_corrupt`, `target_refused`, `job_cancelled` when it is cancelled meanwhile.
    """
    one = Followed(store, job_id)
    looked = time.monotonic()

    def tick() -> None:
        nonlocal looked
        if time.monotonic() - looked > _LOOK_SECONDS:
            looked = time.monotonic()
            rest(0)
            one.require_wanted()

    failures = 0
    while True:
        try:
            one.target.fetch(one.ref(), out, tick=tick)
            break
        except TuneGateError as error:
            if error.code != "target_unreachable":
                raise
            failures += 1
            one.say(failures, error)
        rest(pause_of(one.plan, failures))
        one.require_wanted()
    one.forward()
    one.keep_hosted(out)
    _require_loadable(out)


def registered(store: Store, job_id: str, out: Path) -> None:
    """Enter the model of a closed run folder in the target's own list, where it has one; without it nothing is lost."""
    if not is_remote(store, job_id):
        return
    one, failures = Followed(store, job_id), 0
    if not isinstance(one.target, Registers):
        return
    chain = read_manifest(out)
    tags = {f"tunegate_{name}": value for name, value in msgspec.to_builtins(chain.chain).items() if value}
    while True:
        try:
            name = one.target.register(one.plan, one.ref(), out, tags | {"tunegate_manifest": chain.id})
        except TuneGateError as error:
            failures += 1
            if error.code != "target_unreachable" or failures > _REGISTER_TRIES:
                one.log(f"The model is not registered: {error.detail} {error.remedy}")
                return
            one.say(failures, error)
        else:
            one.named(name)
            return
        rest(pause_of(one.plan, failures))
        one.require_wanted()


def told_to_end(store: Store, job_id: str) -> bool:
    """Ask for the end of the remote job; whether it has come.

    Raises:
        TuneGateError: `target_unreachable`, `target_refused`.
    """
    plan, lock = plan_of(store, job_id), lock_of(job_id)
    target = target_of(plan)
    # while it is sent, which may take long, this thread has others to look at
    if not lock.acquire(timeout=_SENT_SECONDS):
        return False
    try:
        launch = store.launches.find(job_id)
        known = msgspec.json.decode(launch.ref, type=RemoteRef) if launch and launch.ref else None
        ref = known or target.find(plan)
    finally:
        lock.release()
    if ref is None:
        return True
    try:
        state = target.poll(ref).state
        if state not in ENDED and state != "cancelling":
            target.cancel(ref)
    except TuneGateError as error:
        if error.code in GONE:
            return True
        raise
    return state in ENDED


def halt(store: Store, job_id: str, deed: Literal["pause", "resume"]) -> None:
    """Ask the target to pause a job, or to go on with it; the next look, which comes at once, may say that it has.

    Raises:
        TuneGateError: `target_cannot`, `target_unreachable`, `target_refused`, `remote_gone`.
    """
    one = Followed(store, job_id)
    if not isinstance(one.target, Pausable):
        raise TuneGateError("target_cannot", f"{one.plan.target} cannot {deed} a job.")
    ask = one.target.pause if deed == "pause" else one.target.resume
    ask(one.ref())
    stir(job_id)
    # for the service that follows it, where that is another; without it the job's next look comes when it would have
    with suppress(sa.exc.SQLAlchemyError):
        store.launches.halt(job_id)


def _require_loadable(out: Path) -> None:
    """Load every ONNX file in a process of its own, which a broken one cannot harm.

    Raises:
        TuneGateError: `artifact_corrupt`.
    """
    command = [sys.executable, "-P", "-m", "trainers.onnx.loads", str(out)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TuneGateError("artifact_corrupt", "An ONNX file does not load in an hour.") from error
    if done.returncode != 0:
        said = done.stdout.strip() or "the process that loads it died"
        raise TuneGateError("artifact_corrupt", f"An ONNX file does not load: {said}.", remedy="Launch the plan again.")
