"""`python -m trainers.simulation QUESTION.json ANSWER.json`: 0 and the answer, else a failure in its place."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import msgspec

from trainers.outfiles import write_atomically
from trainers.problems import TrainerError, from_exception
from trainers.simulated import SimulationQuestion

_LOOK_SECONDS, _LATE_SECONDS = 0.5, 30.0


def main(argv: list[str]) -> int:
    """Answer one question."""
    _end_with(
        int(os.environ.pop("TUNEGATE_PARENT_PID", "0")), float(os.environ.get("TUNEGATE_SIMULATION_SECONDS", "0"))
    )
    question = msgspec.json.decode(Path(argv[0]).read_bytes(), type=SimulationQuestion)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "OMP_NUM_THREADS": "1"}
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    from trainers.simulation.simulate import simulate

    try:
        answer = msgspec.json.encode(simulate(question))
    except TrainerError as error:
        write_atomically(Path(argv[1]), msgspec.json.encode(error.failure))
        return 1
    except Exception as error:  # noqa: BLE001 - whatever a library says becomes a named failure
        write_atomically(Path(argv[1]), msgspec.json.encode(from_exception(error, "simulation").failure))
        return 1
    write_atomically(Path(argv[1]), answer)
    return 0


def _end_with(parent: int, seconds: float) -> None:
    """End when the asking process is gone, and long after the time is up: its own watch may be killed with it.

    A thread looks, since the kernel's signal would follow the thread that started us, which a service ends early.
    """
    if not parent:
        return
    until = time.monotonic() + seconds + _LATE_SECONDS

    def watch() -> None:
        while os.getppid() == parent and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        if os.getppid() != parent:
            shutil.rmtree(Path(sys.argv[1]).parent, ignore_errors=True)  # nobody else is left to do it
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
