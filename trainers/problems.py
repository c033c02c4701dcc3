"""The errors a trainer reports, and how they reach result.json from a worker process."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec

from trainers.contract import OTHER_LOST, Failure
from trainers.outfiles import WORK, write_atomically

EXIT_CODES = {"invalid_input": 2, "plan_mismatch": 2, "unreadable_model": 2, "target_cannot": 2} | dict.fromkeys(
    ("disk_full", "missing_extra", "run_locked", "environment"), 3
)
DISK_FULL = 74  # exit code of a worker that had no space left even to say so (EX_IOERR)


# of RuntimeErrors of torch.save (2.13), whose C++ writer hides the cause; writing its own file seldom fails otherwise
_TORCH_WRITE_FAILED = ("PytorchStreamWriter failed", "unexpected pos", "iostream error")


class TrainerError(Exception):
    """Something a person can act on; its text never holds training text."""

    def __init__(self, code: str, detail: str, *, remedy: str = "") -> None:
        super().__init__(detail)
        self.failure = Failure(code=code, detail=detail, remedy=remedy)

    @property
    def exit_code(self) -> int:
        return exit_code_of(self.failure)


def exit_code_of(failure: Failure) -> int:
    """1 job failed, 2 unusable plan or data, 3 something outside is missing."""
    return EXIT_CODES.get(failure.code, 1)


def from_exception(error: Exception, phase: str) -> TrainerError:
    """Name what went wrong without repeating the exception's text: it may quote training text."""
    if isinstance(error, TrainerError):
        return error
    if _disk_full(error):
        return disk_full(phase)
    if isinstance(error, ImportError):
        return TrainerError(
            "missing_extra", f"{phase}: {error.name} is not installed.", remedy="pip install 'tunegate[train]'"
        )
    if isinstance(error, MemoryError):
        return TrainerError("job_failed", f"{phase}: out of memory.", remedy="A smaller micro_batch or model.")
    where = _last_line(error)
    if _other_lost(error):
        return TrainerError(
            OTHER_LOST,
            f"{phase}: the processes of this run do not reach each other any more ({type(error).__name__} at {where}).",
            remedy="What another process says is the reason; if none does, look at the network between the machines.",
        )
    return TrainerError(
        "job_failed", f"{phase}: {type(error).__name__} at {where}.", remedy="Report this with the plan."
    )


def _other_lost(error: Exception) -> bool:
    """What torch.distributed raises when a connection breaks: types of its own; gloo only names its files."""
    return type(error).__module__ == "torch.distributed" or "gloo/transport/" in str(error)


def disk_full(phase: str) -> TrainerError:
    """The disk is full; what was complete before stays, so the same run can go on."""
    return TrainerError(
        "disk_full",
        f"{phase}: no space left for the outputs.",
        remedy="Free space and run the same again: it goes on from the last checkpoint.",
    )


def _disk_full(error: Exception) -> bool:
    """Also for native writers: safetensors puts the system's number into its text, torch.save only its own words."""
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError) and error.errno in numbers:
        return True
    text = str(error)
    return any(f"os error {number})" in text for number in numbers) or any(one in text for one in _TORCH_WRITE_FAILED)


def leave_failure(out: Path, failure: Failure, *, first: bool = False) -> int:
    """Leave the failure for the orchestrator; the worker's exit code, which says it alone on a full disk.

    Among ranks only the `first` failure stays: the end of one breaks the others.
    """
    if first and (out / WORK / "failure.json").exists():
        return exit_code_of(failure)
    try:
        write_atomically(out / WORK / "failure.json", msgspec.json.encode(failure))
    except OSError:
        return DISK_FULL
    return exit_code_of(failure)


def take_failure(out: Path) -> Failure | None:
    """What the worker left, or None."""
    try:
        return msgspec.json.decode((out / WORK / "failure.json").read_bytes(), type=Failure)
    except FileNotFoundError:
        return None


def _last_line(error: Exception) -> str:
    trace = error.__traceback__
    where = "an unknown place"
    while trace is not None:
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
