"""Starts one process per rank on this machine and ends as they end: `python -m trainers.sharding.launcher PLAN OUT`.

torchrun is the launcher that passes SIGTERM on and waits; accelerate's and DeepSpeed's own leave their workers behind.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from trainers.contract import TrainPlan
from trainers.outfiles import WORK
from trainers.problems import DISK_FULL
from trainers.stopping import STOPPED, follow_parent

# longer than a step and its checkpoint take; after it the ranks are killed
SHUTDOWN_SECONDS = 600


def main(argv: list[str]) -> int:
    """0 when all ranks ended well, 75 when they were asked to stop, else the first one's code."""
    follow_parent(int(os.environ.get("TUNEGATE_TRAINER_PID", "0")), signal.SIGKILL)
    plan = msgspec.json.decode(Path(argv[0]).read_bytes(), type=TrainPlan)
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    os.environ["TUNEGATE_TRAINER_PID"] = str(os.getpid())
    os.environ["PYTHONSAFEPATH"] = "1"  # torchrun starts its workers without -P
    threads = max(1, (os.cpu_count() or 1) // plan.processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    try:
        torchrun(
            ["--standalone", f"--nproc-per-node={plan.processes}", f"--shutdown-timeout={SHUTDOWN_SECONDS}",
             "-m", "trainers.worker", "train", *argv]
        )  # fmt: skip
    except SignalException:
        return STOPPED
    except ChildFailedError as error:
        codes = {failure.exitcode for failure in error.failures.values()}
        # torchrun ends the others when the first one ends, and one that is on its way out may die of it
        others = codes - {STOPPED, -signal.SIGTERM}
        return _told(others, Path(argv[1])) if others else STOPPED
    return 0


def _told(codes: set[int], out: Path) -> int:
    """The code that says most: a killed rank is the reason for what the others then said."""
    killed = [code for code in codes if code < 0]
    if killed:
        (out / WORK / "failure.json").unlink(missing_ok=True)
        os.kill(os.getpid(), -killed[0])  # end as it ended, so that the orchestrator names the signal
    return DISK_FULL if DISK_FULL in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
