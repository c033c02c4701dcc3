"""One phase group in a fresh process: `python -m trainers.worker GROUP PLAN OUT`.

Groups: tune (baseline, train and merge in one process), or these three one by one where several processes train
together, each of them in the group train; then export and prove.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from trainers.contract import TrainPlan
from trainers.libraries import load_only_for
from trainers.native import require_native
from trainers.outfiles import MODEL
from trainers.problems import from_exception, leave_failure
from trainers.progress import ProgressWriter, Silent
from trainers.sharding.ranks import is_first, processes_here, world_size
from trainers.stopping import STOPPED, StopSignal, follow_parent


def main(argv: list[str]) -> int:
    """Run one group; problems are left in OUT/.work/failure.json."""
    group, plan_path, out = argv[0], Path(argv[1]), Path(argv[2])
    stop = StopSignal()
    # a killed orchestrator must not leave its worker
    follow_parent(int(os.environ.get("TUNEGATE_TRAINER_PID", "0")), signal.SIGKILL)
    plan = msgspec.json.decode(plan_path.read_bytes(), type=TrainPlan)
    _prepare_environment(plan, group)
    from trainers.training.loop import Stopped

    try:
        _run(group, plan, out, stop)
    except Stopped:
        return STOPPED
    except Exception as error:  # noqa: BLE001 - whatever happened becomes a named failure without training text
        return leave_failure(out, from_exception(error, group).failure, first=world_size() > 1)
    return 0


def _run(group: str, plan: TrainPlan, out: Path, stop: StopSignal) -> None:
    progress = ProgressWriter(out) if is_first() else Silent(out)
    require_native(plan, out / MODEL)
    if group == "tune":
        from trainers.tune import tune

        tune(plan, out, progress, stop)
    elif group == "export":
        from trainers.onnx.build import export

        export(plan, out, progress)
    elif group == "baseline":
        from trainers.tune import measure_baseline

        measure_baseline(plan, out, progress)
    elif group == "train":
        from trainers.tune import train_with_others

        train_with_others(plan, out, progress, stop)
    elif group == "merge":
        from trainers.tune import merge

        merge(plan, out, progress)
    else:
        from trainers.onnx.prove import prove

        prove(plan, out, progress, evaluated=group == "prove")


def _prepare_environment(plan: TrainPlan, group: str) -> None:
    """Set what the libraries read at import: no network unless allowed, no surprise threads, quiet."""
    if not plan.allow_download:
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sharing = processes_here() if group == "train" else 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // sharing)))
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    if plan.sharding != "none":
        # operators are compiled at first use by the ninja beside this interpreter
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        if not Path("/dev/nvidiactl").exists():
            os.environ.setdefault("DS_ACCELERATOR", "cpu")
    load_only_for(plan)


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    if world_size() > 1:
        # all is written; what tears down the threads of torch.distributed may abort a process that ended well
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended)
    sys.exit(ended)
