"""Proves a classifier's graph against PyTorch: logits row by row and in batches, equal predictions, loss and F1."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, Literal

import msgspec

from trainers.classification.evaluation import answered, headline, mean_loss, measured, torch_logits
from trainers.classification.rows import IGNORED_TAG
from trainers.classification.samples import Sample
from trainers.contract import TORCH_DYNAMO, LatencyResult, OnnxResult, ParityResult, QualityResult, TrainPlan
from trainers.load import load_model
from trainers.objectives import objective
from trainers.objectives.objective import HeldOut
from trainers.onnx.encoder import OnnxEncoder, rows_per_second
from trainers.onnx.graph import CPU, available_provider, opset_of
from trainers.onnx.limits import limits, result_failures
from trainers.outfiles import WORK
from trainers.progress import ProgressWriter

_ALONE = 4  # rows that are compared without a batch around them


class _Reference(msgspec.Struct, frozen=True, kw_only=True):
    """PyTorch's answers in fp32: of all rows in padded batches, and of the first ones alone."""

    split: Literal["validation", "train"]
    samples: list[Sample]
    logits: list[Any]
    alone: list[Any]
    loss: float
    f1: float
    rows_per_second: float

    @property
    def scale(self) -> float:
        """The largest logit, by which differences are measured."""
        return max(float(abs(one).max()) for one in self.logits)


class EncoderProof:
    """Measures each precision; the model's memory is free again once its answers are taken."""

    def __init__(self, plan: TrainPlan, out: Path, tokenizer: Any, held_out: HeldOut, progress: ProgressWriter) -> None:
        self._plan, self._out, self._progress = plan, out, progress
        self._pad_id = tokenizer.pad_token_id
        samples = held_out.samples or objective(plan).training(plan, tokenizer).samples
        self._reference = self._taken(samples[: plan.evaluation.max_rows], "validation" if held_out.rows else "train")

    def measured(self, precision: str) -> tuple[OnnxResult, str]:
        """The precision's figures, and the limits that it misses (empty: none)."""
        folder, provider = self._out / "onnx" / precision, self._plan.outputs.provider
        place = available_provider(provider)
        onnx = OnnxEncoder(folder, provider=place)
        logits = onnx.logits(self._reference.samples, pad_id=self._pad_id)
        alone = self._alone(onnx)
        parity, quality = self._parity(precision, logits, alone), self._quality(precision, logits)
        result = OnnxResult(
            path=f"onnx/{precision}/model.onnx",
            route=TORCH_DYNAMO,
            precision=precision,
            opset=opset_of(folder),
            parity=parity,
            provider=provider,
            verified=provider == "cpu" or place != CPU,
            proven_on=place,
            quality=quality,
            # how fast a GPU's graph runs on a CPU says nothing
            latency=self._latency(folder) if provider == "cpu" else None,
        )
        self._progress.log(
            f"{precision}: logits differ by {parity.max_abs_logit_diff:.2g}, {parity.predictions_equal} of "
            f"{parity.predictions_compared} predictions equal, F1 {quality.f1:.4f} (PyTorch {quality.reference_f1:.4f})"
        )
        return result, "; ".join(result_failures(result))

    def _taken(self, samples: list[Sample], split: Literal["validation", "train"]) -> _Reference:
        import torch

        model = load_model(self._plan, folder=str(self._out / WORK / "merged"))
        logits = torch_logits(model, samples, pad_id=self._pad_id)
        alone = [torch_logits(model, [one], pad_id=self._pad_id)[0] for one in samples[:_ALONE]]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            speed = rows_per_second(lambda: torch_logits(model, samples[:1], pad_id=self._pad_id))
        finally:
            torch.set_num_threads(threads)
        return _Reference(
            split=split,
            samples=samples,
            logits=logits,
            alone=alone,
            loss=_number(mean_loss(samples, logits)),
            f1=headline(measured(samples, logits, self._plan.labels)),
            rows_per_second=speed,
        )

    def _alone(self, onnx: OnnxEncoder) -> list[Any]:
        return [onnx.logits([one], pad_id=self._pad_id)[0] for one in self._reference.samples[:_ALONE]]

    def _parity(self, precision: str, logits: list[Any], alone: list[Any]) -> ParityResult:
        reference, tie = self._reference, limits()[precision].near_tie * self._reference.scale
        compared = equal = near = 0
        for sample, wanted, got in zip(reference.samples, reference.logits, logits, strict=True):
            for index, place in enumerate(_places(sample)):
                at, other = (wanted, got) if place is None else (wanted[place], got[place])
                chosen = answered(sample, got, self._plan.labels)[index] if place is None else int(other.argmax())
                compared += 1
                if chosen == int(at.argmax()):
                    equal += 1
                elif at.max() - at[chosen] <= tie:
                    near += 1
        in_batches = _worst(reference.logits, logits)
        largest = max(in_batches, _worst(reference.alone, alone), key=_nan_last)
        return ParityResult(
            max_abs_logit_diff=largest,
            relative_logit_diff=largest / reference.scale if reference.scale else 0.0,
            greedy_tokens_compared=0,
            greedy_tokens_equal=0,
            near_ties=near,
            batch_max_abs_logit_diff=in_batches,
            predictions_compared=compared,
            predictions_equal=equal,
        )

    def _quality(self, precision: str, logits: list[Any]) -> QualityResult:
        reference, limit = self._reference, limits()[precision]
        loss = _number(mean_loss(reference.samples, logits))
        return QualityResult(
            split=reference.split,
            rows=len(reference.samples),
            loss=loss,
            reference_loss=reference.loss,
            loss_increase=loss - reference.loss,
            loss_increase_limit=limit.loss_increase,
            f1=headline(measured(reference.samples, logits, self._plan.labels)),
            reference_f1=reference.f1,
            f1_drop_limit=limit.f1_drop,
        )

    def _latency(self, folder: Path) -> LatencyResult:
        """One row on one thread, beside PyTorch in the same process."""
        onnx, row = OnnxEncoder(folder, threads=1), self._reference.samples[0]
        speed = rows_per_second(lambda: onnx.logits([row], pad_id=self._pad_id))
        tokens = len(row.input_ids)
        return LatencyResult(
            tokens_per_second=round(speed * tokens, 1),
            torch_tokens_per_second=round(self._reference.rows_per_second * tokens, 1),
            times_torch=round(speed / self._reference.rows_per_second, 2),
            threads=1,
            prompt_tokens=tokens,
            new_tokens=0,
            machine=f"{platform.system()} {platform.machine()}, CPU",
        )


def _places(sample: Sample) -> list[int | None]:
    """Where a prediction of a sample is made: once for a text (None), at each labelled word's token."""
    if not sample.words:
        return [None]
    return [place for place, label in enumerate(sample.labels) if label != IGNORED_TAG]


def _worst(left: list[Any], right: list[Any]) -> float:
    """The largest difference; one that is not a number wins, where max() would lose it."""
    return max((float(abs(one - other).max()) for one, other in zip(left, right, strict=True)), key=_nan_last)


def _nan_last(value: float) -> tuple[bool, float]:
    return value != value, value


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
