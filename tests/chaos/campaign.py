"""Kills services and trainers at random moments of the pipeline, fills disks, cuts lines, stops services for a while;
starts everything again, and looks at what is left.

    python tests/chaos/campaign.py [--kills 20] [--seed 1] [--sites sqlite:folder,postgres:azure] [--report FILE]

Real services (forked, killed by SIGKILL, stopped by SIGSTOP) over SQLite and Postgres, with a folder, Azurite or moto
as their storage, their own trainers' processes and run folders; the trainer is tests/serving/quick_trainer.py, whose
weights say whether every step was taken once.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "serving"))

import psutil
from object_stores import Azurite, Moto
from postgres_server import FOUND
from site_under_fault import Site, site

# two cores carry two sites at a time
_SITES_AT_ONCE = 2


def default_sites() -> list[str]:
    """Each database with each storage that is on this machine, as far as that finds something new."""
    found = ["sqlite:folder", *(["postgres:folder"] if FOUND else [])]
    if Azurite.found:
        found.append("postgres:azure" if FOUND else "sqlite:azure")
    return [*found, "sqlite:s3"] if Moto.found else found


def report(sites: list[Site], *, seed: int, seconds: float) -> str:
    """What happened, as Markdown."""
    faults = [fault for one in sites for fault in one.faults]
    wrong = [text for one in sites for text in one.wrong]
    ends = sum((one.ends for one in sites), Counter())
    kinds = Counter((fault.site, fault.kind) for fault in faults)
    moments = Counter(fault.moment for fault in faults)
    load = psutil.getloadavg()
    names = ("dbos", "sqlalchemy", "psycopg", "obstore")
    versions = ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])
    shown = ", ".join(f"{number} {state}" for state, number in sorted(ends.items()))
    killed = sum(one.killed for one in sites)
    lines = [
        "# Fault campaign",
        "",
        f"`python tests/chaos/campaign.py --seed {seed}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {seconds:.0f} s.",
        f"{versions}; {psutil.cpu_count()} cores, load {load[0]:.0f}.",
        "",
        f"**{killed} kills** in {len(faults)} faults over {sum(ends.values())} jobs ({shown}):",
        f"**{len(wrong)} violations**.",
        "",
        "Each job was held against: it ends; its events have no gap or repetition and end once; no more trainers were",
        "started than were killed, or left behind by who took the job over, and one; every file of its artifact, as",
        "handed out by every service, has the sha256 of its manifest; its weights are those of every step once; no",
        "process of it is left. One that a full disk befell may end as failed with `disk_full`. A service that stood",
        "still while another took over",
        "ends once it wakes and begins no step. What was begun to be stored and is named by nothing",
        f"({sum(one.left for one in sites)} notes) is removed as the service does it; then the storage is listed:",
        "it holds the files of each succeeded job's manifest, datasets that have a record, and nothing else.",
        "The trainer is a stand-in without torch (tests/serving/quick_trainer.py).",
        "Full is " + " and ".join(sorted({one.disk.kind for one in sites})) + ".",
        "",
        "| database, storage | fault | times |",
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
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no job after that")
    parser.add_argument("--sites", default=",".join(default_sites()), help="DATABASE:STORAGE, ...")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    named, began = [one.split(":") for one in options.sites.split(",")], time.monotonic()

    def over(number: int) -> Site:
        database, storage = named[number]
        with site(database, storage, random.Random(options.seed + number)) as one:
            one.run(-(-options.kills // len(named)), seconds=options.seconds)
        return one

    with ThreadPoolExecutor(_SITES_AT_ONCE) as pool:
        sites = list(pool.map(over, range(len(named))))
    text = report(sites, seed=options.seed, seconds=time.monotonic() - began)
    print(text)
    if options.report is not None:
        options.report.write_text(text)
    return 1 if any(one.wrong for one in sites) else 0


if __name__ == "__main__":
    sys.exit(main())
