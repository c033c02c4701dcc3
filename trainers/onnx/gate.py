"""The gate: each precision is measured and kept, or left out and the next one offered."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from trainers.contract import OnnxLeftOut, OnnxResult, TrainPlan
from trainers.onnx import builder, dynamo
from trainers.onnx.build import build
from trainers.onnx.limits import next_precision
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter

# a precision's figures, and the limits that it misses (empty: none)
Measured = Callable[[str], tuple[OnnxResult, str]]


class Gate:
    """Proves one precision after the other; `passed` and `left_out` say how each of them ended."""

    def __init__(self, plan: TrainPlan, out: Path, progress: ProgressWriter, measured: Measured) -> None:
        self.passed: list[OnnxResult] = []
        self.left_out: list[OnnxLeftOut] = []
        self._plan, self._out, self._progress, self._measured = plan, out, progress, measured

    def prove(self, precision: str) -> None:
        """Keep the precision's folder or remove it; a failed fp32 is built once more by the other route."""
        result, why = self._measured(precision)
        if why and precision == "fp32" and result.route == builder.ROUTE:
            self._progress.log(f"ONNX fp32 by {builder.ROUTE} does not pass: {why}; trying {dynamo.ROUTE}")
            build(self._plan, self._out, precision, self._progress.log, by=dynamo.ROUTE)
            first = why
            result, why = self._measured(precision)
            why = why and f"by {builder.ROUTE} {first}; by {dynamo.ROUTE} {why}"
        if not why:
            self.passed.append(result)
            return
        shutil.rmtree(self._out / "onnx" / precision)
        if precision == "fp32":
            raise TrainerError(
                "parity_failed",
                f"ONNX fp32 does not give PyTorch's answers: {why}.",
                remedy="No precision can be more exact; what was trained is in OUT/adapter or OUT/model.",
            )
        following = next_precision(precision, self._plan.outputs.provider)
        self.left_out.append(
            OnnxLeftOut(precision=precision, why=why, next=following, parity=result.parity, quality=result.quality)
        )
        self._progress.log(f"ONNX {precision} is left out: {why}; the next precision is {following or 'none'}")

    def prove_next(self) -> None:
        """Build and prove the most modest precision that has not been tried.

        Raises:
            TrainerError: `parity_failed` when there is none.
        """
        tried = {one.precision for one in self.left_out}
        untried = [one.next for one in self.left_out if one.next and one.next not in tried]
        if not untried:
            raise TrainerError(
                "parity_failed",
                "; ".join(f"ONNX {one.precision}: {one.why}" for one in self.left_out) + ".",
                remedy=f"No other precision runs on {self._plan.outputs.provider}; ask for another provider.",
            )
        build(self._plan, self._out, untried[0], self._progress.log)
        self.prove(untried[0])
