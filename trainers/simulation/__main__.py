"""`python -m trainers.simulation QUESTION.json ANSWER.json`: 0 and the answer, else a failure in its place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from trainers.outfiles import write_atomically
from trainers.problems import TrainerError, from_exception
from trainers.simulated import SimulationQuestion


def main(argv: list[str]) -> int:
    """Answer one question."""
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
