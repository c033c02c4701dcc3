"""The third worker: proves each ONNX file against PyTorch, leaves out what fails, and measures the tuned model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import OnnxResult, TrainPlan
from trainers.load import load_model, on_device, trained_tokenizer
from trainers.objectives import objective
from trainers.objectives.objective import HeldOut
from trainers.onnx import builder, genai
from trainers.onnx.build import route_of
from trainers.onnx.encoder_proof import EncoderProof
from trainers.onnx.gate import Gate
from trainers.onnx.graph import CPU, OnnxCausalLM, available_provider, opset_of
from trainers.onnx.latency import latency
from trainers.onnx.limits import result_failures
from trainers.onnx.parity import compare
from trainers.onnx.quality import measure
from trainers.onnx.reference import Reference, take_reference
from trainers.outfiles import WORK, has_part, save_part
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.techniques import technique


def prove(plan: TrainPlan, out: Path, progress: ProgressWriter, *, evaluated: bool = True) -> None:
    """Phases parity and evaluate; leaves in OUT/onnx only what passed.

    A precision that misses a limit is left out and the next one named; when none is left, the next one is built
    here and proven in its place, so that a run does not end without an artifact.

    Raises:
        TrainerError: `parity_failed` with the numbers when even fp32 (by both routes) does not give the same answers.
    """
    tokenizer = trained_tokenizer(plan, out)
    held_out = objective(plan).held_out(plan, tokenizer)
    if plan.outputs.onnx and not has_part(out, "onnx"):
        progress.phase("parity")
        _prove_all(plan, out, tokenizer, held_out, progress)
    if not evaluated or has_part(out, "evaluate"):
        return
    progress.phase("evaluate")
    after: dict[str, Any] = {}
    if held_out.rows:
        # loaded again: while the graphs were proven, its memory was theirs
        held_out = objective(plan).recalled(held_out, plan, out)
        after = objective(plan).evaluate(_tuned(plan, out), tokenizer, held_out, plan, progress.log)
    save_part(out, "evaluate", after)


def _tuned(plan: TrainPlan, out: Path) -> Any:
    """The merged model, or base and adapter side by side where the method has no merge."""
    merged = out / WORK / "merged"
    model = load_model(plan, folder=str(merged)) if merged.exists() else technique(plan.technique).tuned(plan, out)
    return on_device(model)


def _prove_all(plan: TrainPlan, out: Path, tokenizer: Any, held_out: HeldOut, progress: ProgressWriter) -> None:
    if plan.task == "chat":
        proof: _ChatProof | EncoderProof = _ChatProof(
            plan, out, tokenizer, _reference(plan, out, tokenizer, held_out), progress
        )
    else:
        proof = EncoderProof(plan, out, tokenizer, held_out, progress)
    gate = Gate(plan, out, progress, proof.measured)
    for precision in dict.fromkeys(plan.outputs.onnx):
        gate.prove(precision)
    while not gate.passed:
        gate.prove_next()
    save_part(
        out,
        "onnx",
        {"onnx": msgspec.to_builtins(gate.passed), "left_out": msgspec.to_builtins(gate.left_out)},
    )


def _reference(plan: TrainPlan, out: Path, tokenizer: Any, held_out: HeldOut) -> Reference:
    """What the merged model answers in fp32 PyTorch with eager attention; the model is gone afterwards."""
    model = load_model(plan, folder=str(out / WORK / "merged"))
    chats = objective(plan).chats(plan, tokenizer, held_out)
    reference = take_reference(
        model,
        tokenizer,
        chats.rows,
        chats.labelled,
        split=chats.split,
        max_rows=plan.evaluation.max_rows,
    )
    if not reference.prompts:
        raise TrainerError("invalid_input", "No row has an answer to ask for; nothing can be proven.")
    return reference


class _ChatProof:
    """Measures each precision of a chat model."""

    def __init__(
        self, plan: TrainPlan, out: Path, tokenizer: Any, reference: Reference, progress: ProgressWriter
    ) -> None:
        self._plan, self._out, self._tokenizer = plan, out, tokenizer
        self._reference, self._progress = reference, progress

    def measured(self, precision: str) -> tuple[OnnxResult, str]:
        """The precision's figures, and the limits that it misses (empty: none)."""
        folder, provider = self._out / "onnx" / precision, self._plan.outputs.provider
        place = available_provider(provider)
        onnx = OnnxCausalLM(folder, provider=place)
        parity = compare(self._reference, onnx, precision)
        quality = measure(
            self._reference, onnx, self._tokenizer, precision, max_new_tokens=self._plan.evaluation.max_new_tokens
        )
        route = route_of(self._out, precision)
        opened = genai.check(folder, self._reference, onnx) if route == builder.ROUTE else None
        del onnx
        self._progress.log(
            f"{precision}: logits differ by {parity.max_abs_logit_diff:.2g}, {parity.greedy_tokens_equal} of "
            f"{parity.greedy_tokens_compared} greedy tokens equal, loss {round(quality.loss_increase, 4) + 0.0:+.4f}"
        )
        result = OnnxResult(
            path=f"onnx/{precision}/model.onnx",
            route=route,
            precision=precision,
            opset=opset_of(folder),
            parity=parity,
            provider=provider,
            verified=provider == "cpu" or place != CPU,
            proven_on=place,
            quality=quality,
            # how fast a GPU's graph runs on a CPU says nothing
            latency=latency(self._reference, folder) if provider == "cpu" else None,
            genai=opened,
            rope_switch=self._reference.rope_switch,
        )
        return result, "; ".join(result_failures(result))
