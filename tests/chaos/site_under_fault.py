"""Services over one database and one storage, and the faults that befall them while they carry out jobs."""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "serving"))

import httpx
import psutil
from leavings import left_behind
from quick_jobs import ENDED, GUARD_SECONDS, Noting, notes_of, until, violations
from services_under_fault import Services
from sessions import cut_session, is_robbed

from service.clock import told
from service.jobs.removing import remove_left
from service.store.database import open_engine
from service.store.store import Store

LONGEST_WAIT_SECONDS = 2.5
# a disk that is full and a line that is cut stay so for that long at most
LONGEST_FAULT_SECONDS = 4.0
# nobody takes over what was about to end
_TAKEN_OVER_SECONDS = 15
CANCELLED_SHARE, MEANWHILE_KILLED_SHARE, AT_THE_END_SHARE = 0.15, 0.4, 0.2


class Fault(NamedTuple):
    """What was done when the job stood where."""

    site: str
    kind: str
    moment: str


class Site(Services):
    """What befalls them while they carry out jobs, and what is wrong afterwards."""

    def __init__(
        self, database: str, storage: str, folder: Path, chance: random.Random, ending: contextlib.ExitStack
    ) -> None:
        super().__init__(database, storage, folder, chance, ending)
        self.faults: list[Fault] = []
        self.wrong: list[str] = []
        self.ends: Counter[str] = Counter()
        self.left = 0
        self.further: dict[str, int] = {}

    @property
    def kinds(self) -> list[str]:
        """Faults, the likelier the oftener."""
        found = ["service", *["trainer"] * 5, "both", "disk full"]
        if self.relay is not None:
            found += ["storage cut"] * 2
        if self.postgres is not None:
            found += ["worker for good", "database", *["hang"] * 2]
        return found

    def run(self, kills: int, *, seconds: float = float("inf")) -> None:
        """Jobs with one to five faults each, until there were so many kills, or no job more is begun."""
        end = time.monotonic() + seconds
        while self.killed < kills and time.monotonic() < end:
            try:
                self.trial()
                self.start()
            except Exception as error:  # noqa: BLE001 - what it found before must not be lost
                self.wrong.append(f"{self.name}: the campaign broke off: {error!r}")
                return
        # what was cancelled or robbed while it was kept leaves nothing that is not found
        store = Store(open_engine(self.settings.get("TUNEGATE_DATABASE_URL") or self.own_database()))
        self.left = remove_left(store, self.open_storage(), before=told(datetime.now(UTC)))
        deadline = time.monotonic() + 30
        while found := left_behind(self.open_storage(), self.living(), self.homes):
            if time.monotonic() > deadline:
                self.wrong += [f"{self.name}: {one}" for one in found]
                break
            time.sleep(1)

    def trial(self) -> None:
        job, faults, trainers_killed = self.launch(), len(self.faults), 0
        cancelled = self.chance.random() < CANCELLED_SHARE
        for _ in range(self.chance.randint(1, 1 if cancelled else 5)):
            self.wait(job)
            trainers_killed += self.befall(job)
            self.start()
            if self.seen(job)["state"] in ENDED:
                break
        if cancelled:
            self.patiently(lambda: self.living().cancel(job))
        try:
            state = self.end_of(job)
        except AssertionError:
            self.wrong.append(f"{self.name}: {job} is stuck: {self.seen(job)}")
            return
        self.ends[state] += 1
        befell = {fault.kind for fault in self.faults[faults:]}
        code = (self.seen(job)["error"] or {}).get("code")
        # nothing can be done about a full disk but to say so
        said = code == "disk_full" and "disk full" in befell
        if cancelled and state not in {"cancelled", "succeeded"} and not said:
            self.wrong.append(f"{self.name}: {job} was cancelled and {state}")
        for service in self.running():
            found = self.settled(service, job, trainers_killed, said=said)
            self.wrong += [f"{self.name}: {job} ({', '.join(sorted(befell))}): {one}" for one in found]

    def wait(self, job: str) -> None:
        """A random while; now and then until the trainer is done, since what comes then is over in a moment."""
        time.sleep(self.chance.uniform(0, LONGEST_WAIT_SECONDS))
        if self.chance.random() < AT_THE_END_SHARE:
            until(lambda: self.seen(job)["state"] not in {"queued", "preparing", "running"})

    def settled(self, service: Noting, job: str, killed: int, *, said: bool) -> list[str]:
        """What is wrong once processes that are being ended had their time."""
        deadline = time.monotonic() + 30
        while found := self._violations(service, job, killed, said=said):
            if time.monotonic() > deadline:
                return found
            time.sleep(0.5)
        return []

    def _violations(self, service: Noting, job: str, killed: int, *, said: bool) -> list[str]:
        try:
            found = violations(service, job, self.homes, killed=killed)
        except (httpx.HTTPError, AssertionError, KeyError, psutil.Error) as error:
            return [f"cannot be looked at ({type(error).__name__})"]
        return [one for one in found if not (said and one.startswith("it failed"))]

    def end_of(self, job: str, seconds: float = GUARD_SECONDS) -> str:
        def ended() -> str | None:
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                state = str(self.living().job(job)["state"])
                return state if state in ENDED else None
            return None

        return str(until(ended, seconds))

    def befall(self, job: str) -> int:
        """One fault; how many trainers of the job were ended by it."""
        kind = self.chance.choice(self.kinds)
        moment, carrier = self.where(job)
        service = self.services[carrier]
        assert service is not None
        if kind == "trainer" and (service.trainer(job) is None or not self.gets_further(job)):
            return 0
        self.faults.append(Fault(self.name, kind, moment))
        if kind == "database":
            assert self.postgres is not None
            self.postgres.restart()
            self.killed += 1
            return 0
        if kind == "hang":
            self.hang(service, job)
            return 0
        if kind in {"disk full", "storage cut"}:
            return self.for_a_while(kind, carrier, job)
        trainers = self.kill_trainer(service, job) if kind != "service" else 0
        if kind != "trainer":
            trainers += self.kill_service(carrier, job, with_trainer=kind != "service")
        if kind == "worker for good":
            with contextlib.suppress(AssertionError):
                self.end_of(job)
            # a fault of its own kind, counted when nobody took the job over
            if self.seen(job)["state"] not in ENDED:
                self.wrong.append(f"{self.name}: {job}: nobody took it over")
        return trainers

    def for_a_while(self, kind: str, carrier: str, job: str) -> int:
        """A full disk or a cut line, in which a service may be killed too."""
        trainers = 0
        if kind == "disk full":
            self.disk.fill(self.processes())
        else:
            assert self.relay is not None
            self.relay.cut()
        time.sleep(self.chance.uniform(0.2, LONGEST_FAULT_SECONDS))
        if self.chance.random() < MEANWHILE_KILLED_SHARE:
            trainers = self.kill_service(carrier, job, with_trainer=False)
            time.sleep(self.chance.uniform(0, 1))
        if kind == "disk full":
            self.disk.free(self.processes())
        else:
            assert self.relay is not None
            self.relay.mend()
        return trainers

    def hang(self, service: Noting, job: str) -> None:
        """A service stands still, and its session is gone; another takes over; then it wakes."""
        assert self.postgres is not None
        name, process = service.home.name, psutil.Process(service.pid)
        [other] = [one for one in self.running() if one is not service]
        process.suspend()
        cut_session(self.postgres.address("chaos", "+psycopg"), name)
        with contextlib.suppress(AssertionError, httpx.HTTPError):
            until(lambda: other.trainer(job) is not None or other.job(job)["state"] in ENDED, _TAKEN_OVER_SECONDS)
        robbed, woken = is_robbed(self.postgres.address("chaos", "+psycopg"), name), time.time()
        process.resume()
        if robbed:
            try:
                process.wait(GUARD_SECONDS)
            except psutil.TimeoutExpired:
                self.wrong.append(f"{self.name}: {job}: a service that was robbed goes on")
                service.kill()
            service.http.close()
            self.services[name] = None
            if began := [line for line in notes_of(service.home) if job in line and float(line.split()[0]) > woken]:
                self.wrong.append(f"{self.name}: {job}: a service that was robbed began {began}")

    def gets_further(self, job: str) -> bool:
        """Whether it did since its trainer was killed last: one that never does is given up, as it should be."""
        step = int(self.seen(job)["progress"]["step"])
        if self.further.get(job) == step:
            return False
        self.further[job] = step
        return True


@contextlib.contextmanager
def site(database: str, storage: str, chance: random.Random) -> Iterator[Site]:
    """Services over a new database in a temporary folder, which stays where something was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="tunegate-chaos-"))
    with contextlib.ExitStack() as ending:
        made = Site(database, storage, folder, chance, ending)
        yield made
        if made.wrong:
            shutil.copytree(made.disk.folder, folder / "kept", ignore_dangling_symlinks=True)
    if not made.wrong:
        shutil.rmtree(folder)
