"""Whether a job whose trainer died goes on from its checkpoint: as long as that gets it further, or a few times."""

from __future__ import annotations

from pathlib import Path

import msgspec

from service.files import write_atomically
from service.launch.local import WORK, read_progress, read_result

# a machine may go down while a trainer starts, and once more
MOST_STARTS_IN_VAIN = 3
_STARTS = "starts.json"


class Starts(msgspec.Struct, frozen=True):
    """How far the run had come at each start of its trainer."""

    reached: list[int]


def note_start(out: Path) -> None:
    """Remember how far the run has come, just before its trainer is started."""
    write_atomically(out / WORK / _STARTS, msgspec.json.encode(Starts([*_starts(out).reached, _reached(out)])))


def worth_resuming(out: Path) -> bool:
    """Whether the trainer died (killed, out of memory, a machine that went down) and may get further than that.

    A run that dies again and again at the same place would die there for ever; one that reported an error
    of its own would report it again.
    """
    reached, starts = _reached(out), _starts(out).reached
    in_vain = sum(one >= reached for one in starts)
    return bool(starts) and in_vain < MOST_STARTS_IN_VAIN and trainer_was_killed(out)


def trainer_was_killed(out: Path) -> bool:
    """Whether the run ended from outside: without a verdict, stopped, or with a worker that was killed."""
    result = read_result(out)
    if result is None or result.status == "stopped":
        return True
    return result.error is not None and result.error.code == "trainer_died"


def _reached(out: Path) -> int:
    """Phases and steps that have been reported; a repeated one counts once."""
    records = read_progress(out, after=0)
    return len({(one.phase, one.step) for one in records if one.event in {"phase", "step"}})


def _starts(out: Path) -> Starts:
    try:
        return msgspec.json.decode((out / WORK / _STARTS).read_bytes(), type=Starts)
    except (FileNotFoundError, msgspec.DecodeError):
        return Starts([])
