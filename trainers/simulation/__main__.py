"""`python -m trainers.simulation QUESTION.json ANSWER.json`: 0 and the answer, else a failure in its place."""

from __future__ import annotations

import os
import sys

from trainers.libraries import load_only
from trainers.question_file import answer_file
from trainers.simulated import Simulation, SimulationQuestion


def main(argv: list[str]) -> int:
    """Answer one question."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    load_only()  # of what they would do only the sizes are asked

    def simulated(question: SimulationQuestion) -> Simulation:
        from trainers.simulation.simulate import simulate

        return simulate(question)

    return answer_file(argv, SimulationQuestion, simulated, what="simulation")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
