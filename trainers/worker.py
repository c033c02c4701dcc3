"""One phase group in a fresh process: `python -m trainers.worker GROUP PLAN OUT`."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

import msgspec

from trainers.contract import TrainPlan
from trainers.problems import exit_code_of, from_exception, write_failure
from trainers.progress import ProgressWriter

_PR_SET_PDEATHSIG = 1  # Linux prctl(2)
STOPPED = 75  # exit code of a worker that ended because it was asked to (EX_TEMPFAIL)


def main(argv: list[str]) -> int:
    """Run one group; problems are left in OUT/.work/failure.json."""
    group, plan_path, out = argv[0], Path(argv[1]), Path(argv[2])
    stop = _StopFlag()
    _die_with_parent(int(os.environ.get("TUNEGATE_TRAINER_PID", "0")))
    plan = msgspec.json.decode(plan_path.read_bytes(), type=TrainPlan)
    _prepare_environment(plan)
    from trainers.training.loop import Stopped

    try:
        _run(group, plan, out, stop)
    except Stopped:
        return STOPPED
    except Exception as error:  # noqa: BLE001 - whatever happened becomes a named failure without training text
        failure = from_exception(error, group).failure
        write_failure(out, failure)
        return exit_code_of(failure)
    return 0


class _StopFlag:
    """Set by SIGTERM and SIGINT; the work stops after the current step."""

    def __init__(self) -> None:
        self.seen = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)

    def _set(self, number: int, frame: object) -> None:
        del number, frame
        self.seen = True

    def __call__(self) -> bool:
        return self.seen


def _run(group: str, plan: TrainPlan, out: Path, stop: _StopFlag) -> None:
    progress = ProgressWriter(out)
    if group == "tune":
        from trainers.tune import tune

        tune(plan, out, progress, stop)
    elif group == "export":
        from trainers.onnx.build import export

        export(plan, out, progress)
    elif group == "merge":
        from trainers.tune import merge

        merge(plan, out, progress)
    else:
        from trainers.onnx.prove import prove

        prove(plan, out, progress, evaluated=group == "prove")


def _prepare_environment(plan: TrainPlan) -> None:
    """Set what the libraries read at import: no network unless allowed, no surprise threads, quiet."""
    if not plan.allow_download:
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"


def _die_with_parent(parent: int) -> None:
    """A killed orchestrator must not leave its worker: ask the kernel for SIGKILL when it dies (Linux)."""
    if sys.platform != "linux" or not parent:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call above
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
