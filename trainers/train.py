"""The one entry: `python -m trainers.train PLAN OUT` runs the pipeline of a plan and leaves OUT/result.json.

Run again on a folder whose run was stopped or killed, it goes on where that one was.

Several processes on this machine are started from here. A launcher of several machines starts this module once per
process (`torchrun --nnodes 2 --nproc-per-node 4 --rdzv-endpoint HOST:PORT -m trainers.train PLAN OUT`, OUT on storage
that all of them see): the first one runs the whole pipeline, the others join it for the training.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from trainers.contract import Failure, OnnxLeftOut, OnnxResult, Result, TrainPlan
from trainers.lock import RunLocked, hold
from trainers.outfiles import load_part
from trainers.problems import DISK_FULL, TrainerError, disk_full, exit_code_of, take_failure
from trainers.refusals import missing_libraries, refusals
from trainers.runfolder import carried_out, claim, clear_leftovers
from trainers.sharding.ranks import is_first, world_size
from trainers.stopping import STOPPED, ended_how, follow_parent
from trainers.verdict import leave, leave_failed_rank, reserve

# each group runs in a fresh process: training memory is gone before export, and a native crash loses little
GROUPS = ("tune", "export", "prove")
# where several processes train together, only this part is run by all of them
GROUPS_OF_SEVERAL = ("baseline", "train", "merge", "export", "prove")
_VERSIONED = (
    "torch", "transformers", "peft", "bitsandbytes", "deepspeed", "onnxruntime", "onnxruntime-gpu", "onnxruntime-genai",
)  # fmt: skip


def main(argv: list[str], groups: Sequence[str] = GROUPS) -> int:
    """0 succeeded, 1 failed or stopped, 2 unusable plan or data, 3 something outside is missing."""
    orchestrator = Orchestrator(groups)  # first thing: a signal must never find us without its handler
    follow_parent(int(os.environ.pop("TUNEGATE_STOP_WITH_PID", "0")), signal.SIGTERM)
    if len(argv) != 2:
        print("usage: python -m trainers.train PLAN OUT", file=sys.stderr)
        return 2
    plan_path, out = Path(argv[0]), Path(argv[1])
    try:
        plan = msgspec.json.decode(plan_path.read_bytes(), type=TrainPlan)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        print(f"{plan_path}: not a plan ({error})", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    if not is_first():
        return orchestrator.join(plan, plan_path, out)
    try:
        with hold(out):
            return orchestrator.start(plan, plan_path, out)
    except RunLocked:
        print(f"{out}: another trainer holds this run folder", file=sys.stderr)
        return 3
    except TrainerError as error:  # the folder is another plan's: nothing in it is touched
        print(f"{error} {error.failure.remedy}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"{out}: {error.strerror or type(error).__name__}", file=sys.stderr)
        return 3


class Orchestrator:
    """Runs the groups one after the other; imports no heavy library itself."""

    def __init__(self, groups: Sequence[str] = GROUPS) -> None:
        self._groups = groups
        self._stopping = False
        self._worker: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def start(self, plan: TrainPlan, plan_path: Path, out: Path) -> int:
        """Begin the run, go on with an interrupted one, or leave a finished one as it is.

        Raises:
            TrainerError: `plan_mismatch` when the folder belongs to another plan.
        """
        resumes = claim(out, plan)
        if resumes and carried_out(out, plan):
            print(f"{out}: this plan has been carried out here already; nothing was repeated", file=sys.stderr)
            return 0
        clear_leftovers(out)
        reserve(out)
        return self.run(plan, plan_path, out)

    def run(self, plan: TrainPlan, plan_path: Path, out: Path) -> int:
        """The whole pipeline; every way out leaves a result file."""
        failure = _refuse(plan)
        groups = GROUPS_OF_SEVERAL if self._groups == GROUPS and plan.processes > 1 else self._groups
        if not plan.outputs.onnx:
            groups = [group for group in groups if group != "export"]
        for group in () if failure else groups:
            failure = self._group(group, plan, plan_path, out)
            if failure or self._stopping:
                break
        if failure:  # also while stopping: a last checkpoint that could not be written must be known
            if world_size() > 1:
                leave_failed_rank(out, failure)
            return _end(out, Result(status="failed", plan=plan.id, error=failure))
        if self._stopping:
            return _end(out, Result(status="stopped", plan=plan.id))
        before, after = load_part(out, "baseline"), load_part(out, "evaluate")
        scores_before, scores_after = before.pop("scores", {}), after.pop("scores", {})
        return _end(
            out,
            Result(
                status="succeeded",
                plan=plan.id,
                evaluation_before=before or None,
                evaluation_after=after or None,
                training=load_part(out, "training") or None,
                onnx=msgspec.convert(load_part(out, "onnx").get("onnx", []), list[OnnxResult]),
                versions=_versions(),
                onnx_left_out=msgspec.convert(load_part(out, "onnx").get("left_out", []), list[OnnxLeftOut]),
                scores_before=scores_before,
                scores_after=scores_after,
            ),
        )

    def join(self, plan: TrainPlan, plan_path: Path, out: Path) -> int:
        """Train with the first process, which speaks and writes for all; a failure is said here and kept."""
        failure = _refuse(plan) or self._group("train", plan, plan_path, out)
        if failure:
            leave_failed_rank(out, failure)
            return 1
        return 1 if self._stopping else 0

    def _group(self, group: str, plan: TrainPlan, plan_path: Path, out: Path) -> Failure | None:
        environment = os.environ | {"TUNEGATE_TRAINER_PID": str(os.getpid())}
        together = group == "train" and plan.processes > world_size()
        module = ["trainers.sharding.launcher"] if together else ["trainers.worker", group]
        command = [sys.executable, "-P", "-m", *module, str(plan_path), str(out)]
        self._worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
        if self._stopping:
            self._worker.terminate()  # the signal came between the check and the start
        code = self._worker.wait()
        if code == 0:
            return None
        if code == STOPPED or (self._stopping and code == -signal.SIGTERM):
            self._stopping = True
            return None
        if code == DISK_FULL:
            return disk_full(group).failure
        return take_failure(out) or Failure(
            "trainer_died",
            f"The worker of phase group {group!r} ended {ended_how(code)} without saying why.",
            "A worker that is killed usually ran out of memory: a smaller micro_batch, or a lighter technique.",
        )

    def _stop(self, number: int, frame: object) -> None:
        del number, frame
        self._stopping = True
        if self._worker is not None and self._worker.poll() is None:
            self._worker.terminate()


def _refuse(plan: TrainPlan) -> Failure | None:
    if missing := missing_libraries(plan):
        own = {"flash_attn": "flash-attn", "liger_kernel": "liger-kernel"}
        apart = [own[name] for name in missing if name in own]
        extra = "train,zero" if "deepspeed" in missing else "train"
        ours = [f"'tunegate[{extra}]'"] if len(missing) > len(apart) else []
        return Failure(
            "missing_extra", f"Not installed: {', '.join(missing)}.", f"pip install {' '.join([*ours, *apart])}"
        )
    if found := refusals(plan):
        return Failure("target_cannot", f"The plan cannot be carried out: {'; '.join(found)}.", "Plan again.")
    return None


def _end(out: Path, result: Result) -> int:
    result = leave(out, result)
    if result.status == "succeeded":
        return 0
    return exit_code_of(result.error) if result.error else 1


def _versions() -> dict[str, str]:
    """Of what is installed: GPU builds of a library go by other names."""
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
