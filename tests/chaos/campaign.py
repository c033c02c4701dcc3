"""Kills services and trainers at random moments of the pipeline, starts everything again, and looks at what is left.

    python tests/chaos/campaign.py [--kills 20] [--seed 1] [--database sqlite,postgres] [--report FILE]

Real services (forked, killed by SIGKILL) over SQLite and Postgres, their own trainers' processes and run folders;
the trainer is tests/serving/quick_trainer.py, whose weights say whether every step was taken once.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "serving"))

import httpx
import psutil
from postgres_server import FOUND, Postgres, postgres_server
from quick_jobs import ENDED, GUARD_SECONDS, Noting, Zygote, until, violations

# two workers keep a service up while the other is dead; one of them is dead for good once it was silent so long
SILENCE = {"TUNEGATE_EXECUTOR_SILENCE_SECONDS": "3"}
LONGEST_WAIT_SECONDS = 2.5
CANCELLED_SHARE = 0.15


class Fault(NamedTuple):
    """What was done when the job stood where."""

    database: str
    kind: str
    moment: str


class Site:
    """Services over one database, and the faults that befall them."""

    def __init__(self, database: str, folder: Path, chance: random.Random, postgres: Postgres | None) -> None:
        self.database, self.folder, self.chance, self.postgres = database, folder, chance, postgres
        self.zygote = Zygote()
        self.faults: list[Fault] = []
        self.wrong: list[str] = []
        self.ends: Counter[str] = Counter()
        self.killed = 0
        self.names = ["one"] if postgres is None else ["one", "two"]
        self.homes = [folder / name for name in self.names]
        for home in self.homes:
            home.mkdir()
        self.services: dict[str, Noting | None] = dict.fromkeys(self.names)
        self.start()

    @property
    def kinds(self) -> list[str]:
        """Faults, the likelier the oftener."""
        shared = ["service", "service", "trainer", "trainer", "trainer", "both"]
        return shared if self.postgres is None else [*shared, "worker for good", "worker for good", "database"]

    def start(self) -> None:
        """Whatever does not run."""
        for name in self.names:
            if self.services[name] is None:
                settings = SILENCE if self.postgres is None else SILENCE | {
                    "TUNEGATE_DATABASE_URL": self.postgres.address("chaos", "+psycopg"),
                    "TUNEGATE_STORAGE_URL": (self.folder / "storage").as_uri(),
                    "TUNEGATE_EXECUTOR": name,
                }  # fmt: skip
                self.services[name] = Noting(self.folder / name, zygote=self.zygote, **settings)

    def living(self) -> Noting:
        return next(one for one in self.services.values() if one is not None)

    def run(self, kills: int) -> None:
        """Jobs with one to three faults each, until there were so many kills."""
        while self.killed < kills:
            self.trial()

    def trial(self) -> None:
        job = self.chance.choice([one for one in self.services.values() if one is not None]).launch()
        trainers_killed = 0
        for _ in range(self.chance.randint(1, 3)):
            time.sleep(self.chance.uniform(0, LONGEST_WAIT_SECONDS))
            trainers_killed += self.befall(job)
            self.start()
        if cancelled := self.chance.random() < CANCELLED_SHARE:
            self.living().cancel(job)
        try:
            state = self.end_of(job)
        except AssertionError:
            self.wrong.append(f"{self.database}: {job} is stuck: {self.living().job(job)}")
            return
        self.ends[state] += 1
        if cancelled and state not in {"cancelled", "succeeded"}:
            self.wrong.append(f"{self.database}: {job} was cancelled and {state}")
        for service in self.services.values():
            if service is not None:
                found = self.settled(service, job, trainers_killed)
                self.wrong += [f"{self.database}: {job}: {one}" for one in found]

    def settled(self, service: Noting, job: str, killed: int) -> list[str]:
        """What is wrong once processes that are being ended had their time."""
        deadline = time.monotonic() + 30
        while found := violations(service, job, self.homes, killed=killed):
            if time.monotonic() > deadline:
                return found
            time.sleep(0.5)
        return []

    def end_of(self, job: str) -> str:
        def ended() -> str | None:
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                state = str(self.living().job(job)["state"])
                return state if state in ENDED else None
            return None

        return str(until(ended, GUARD_SECONDS))

    def befall(self, job: str) -> int:
        """One fault; how many trainers of the job were killed."""
        kind = self.chance.choice(self.kinds)
        moment, carrier = self.where(job)
        trainer = self.services[carrier].trainer(job) if self.services[carrier] is not None else None  # type: ignore[union-attr]
        if kind == "trainer" and trainer is None:
            kind = "service"
        self.faults.append(Fault(self.database, kind, moment))
        trainers = 0
        if kind in {"trainer", "both", "worker for good"} and trainer is not None:
            trainers = self.kill_tree(trainer)
        if kind in {"service", "both", "worker for good"}:
            service = self.services[carrier]
            assert service is not None
            service.kill()
            self.services[carrier] = None
            self.killed += 1
            # a trainer that was being started, or outlives its service, is killed with its host
            late = service.trainer(job) if kind != "service" else None
            trainers += self.kill_tree(late) if late is not None else 0
            if kind == "worker for good":
                with contextlib.suppress(AssertionError):
                    self.end_of(job)
                # a fault of its own kind, counted when nobody took the job over
                if self.living().job(job)["state"] not in ENDED:
                    self.wrong.append(f"{self.database}: {job}: nobody took it over")
        if kind == "database":
            assert self.postgres is not None
            self.postgres.restart()
            self.killed += 1
        return trainers

    def kill_tree(self, process: psutil.Process) -> int:
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in [process, *process.children(recursive=True)]:
                one.kill()
            self.killed += 1
            return 1
        return 0

    def where(self, job: str) -> tuple[str, str]:
        """(where the pipeline stands, the service that has the job's trainer, else any)."""
        shown: dict[str, Any] = {"state": "?", "step": None}
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            shown = self.living().job(job)
        state = str(shown["state"])
        moment = f"{state} ({shown['step']})" if state == "running" else state
        having = [name for name, one in self.services.items() if one is not None and one.trainer(job) is not None]
        living = [name for name, one in self.services.items() if one is not None]
        return moment, (having or [self.chance.choice(living)])[0]

    def close(self) -> None:
        for service in self.services.values():
            if service is not None:
                service.end()
        self.zygote.stop()


@contextlib.contextmanager
def site(database: str, chance: random.Random) -> Iterator[Site]:
    """Services over a new database in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="tunegate-chaos-"))
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(postgres_server()) if database == "postgres" else None
        if postgres is not None:
            postgres.create("chaos")
        made = Site(database, folder, chance, postgres)
        try:
            yield made
        finally:
            made.close()
        if not made.wrong:
            shutil.rmtree(folder)


def report(sites: list[Site], *, seed: int, seconds: float) -> str:
    """What happened, as Markdown."""
    faults = [fault for one in sites for fault in one.faults]
    wrong = [text for one in sites for text in one.wrong]
    ends = sum((one.ends for one in sites), Counter())
    kinds = Counter((fault.database, fault.kind) for fault in faults)
    moments = Counter(fault.moment for fault in faults)
    load = psutil.getloadavg()
    lines = [
        "# Fault campaign",
        "",
        f"`python tests/chaos/campaign.py --seed {seed}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {seconds:.0f} s.",
        f"Python {platform.python_version()}, DBOS {version('dbos')}, SQLAlchemy {version('sqlalchemy')}, "
        f"psycopg {version('psycopg')}; {psutil.cpu_count()} cores, load {load[0]:.0f}.",
        "",
        f"**{sum(one.killed for one in sites)} kills** in {len(faults)} faults over {sum(ends.values())} jobs "
        f"({', '.join(f'{number} {state}' for state, number in sorted(ends.items()))}); "
        f"**{len(wrong)} violations**.",
        "",
        "Each job was held against: it ends; its events are numbered without gap or repetition and end once; no more",
        "trainers were started than were killed and one; every file of its artifact, as handed out by every service, has",
        "the sha256 of its manifest; its weights are those of every step once; no process of it is left; what was",
        "cancelled is cancelled. The trainer is a stand-in without torch (tests/serving/quick_trainer.py).",
        "",
        "| database | fault | times |",
        "|---|---|---|",
        *(f"| {database} | {kind} | {number} |" for (database, kind), number in sorted(kinds.items())),
        "",
        "| where the pipeline stood | faults |",
        "|---|---|",
        *(f"| {moment} | {number} |" for moment, number in moments.most_common()),
    ]
    if wrong:
        lines += ["", "## Violations", "", *(f"- {text}" for text in wrong)]
    return "\n".join(lines) + "\n"


def main() -> int:
    """0 when nothing was violated."""
    parser = argparse.ArgumentParser(description="Random kills over the pipeline.")
    parser.add_argument("--kills", type=int, default=20, help="over all databases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="sqlite,postgres" if FOUND else "sqlite")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    databases, began, sites = options.database.split(","), time.monotonic(), []
    for number, database in enumerate(databases):
        with site(database, random.Random(options.seed + number)) as one:
            sites.append(one)
            one.run(options.kills // len(databases))
    text = report(sites, seed=options.seed, seconds=time.monotonic() - began)
    print(text)
    if options.report is not None:
        options.report.write_text(text)
    return 1 if any(one.wrong for one in sites) else 0


if __name__ == "__main__":
    sys.exit(main())
