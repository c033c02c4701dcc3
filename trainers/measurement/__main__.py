"""`python -m trainers.measurement QUESTION.json ANSWER.json`: 0 and the answer, else a failure in its place."""

from __future__ import annotations

import os
import sys

from trainers.measured import Measurement, MeasurementQuestion
from trainers.question_file import answer_file


def main(argv: list[str]) -> int:
    """Answer one question."""
    # numbers of GPUs mean the same here and to nvidia-smi
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

    def measured(question: MeasurementQuestion) -> Measurement:
        from trainers.measurement.measure import measure

        return measure(question)

    return answer_file(argv, MeasurementQuestion, measured, what="measurement")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
