"""The third worker: prove that each ONNX file gives PyTorch's answers, then measure the tuned model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import OnnxResult, ParityResult, TrainPlan
from trainers.evaluation import evaluate
from trainers.export import ROUTE
from trainers.labels import render, split_answer
from trainers.load import Row, label_rows, load_model, load_rows, load_tokenizer
from trainers.onnx_model import OnnxCausalLM, opset_of
from trainers.outfiles import WORK, save_part
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.techniques import technique

PROMPTS = 4
TOKENS = 32


class Gate(msgspec.Struct, frozen=True):
    """What a precision must reach: logit difference over the largest reference logit, share of equal tokens."""

    relative: float
    agreement: float


# measured on tiny models: 4e-7, 5.3e-3, 3.4e-2 relative; the gates leave room for larger ones
GATES = {"fp32": Gate(1e-4, 1.0), "int8": Gate(5e-2, 0.98), "int4": Gate(1.5e-1, 0.95)}


def prove(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """Phases parity and evaluate, both against the merged model in fp32 PyTorch with eager attention.

    Raises:
        TrainerError: `parity_failed` with both numbers.
    """
    progress.phase("parity")
    tokenizer = load_tokenizer(plan)
    model = _tuned_model(plan, out)
    held_out = load_rows(plan.validation) if plan.validation else []
    prompts = _prompts(tokenizer, held_out or load_rows(plan.dataset))
    results = []
    for precision in plan.outputs.onnx:
        parity = compare(model, OnnxCausalLM(out / "onnx" / precision), prompts)
        progress.log(
            f"{precision}: logits differ by {parity.max_abs_logit_diff:.2g}, "
            f"{parity.greedy_tokens_equal} of {parity.greedy_tokens_compared} greedy tokens equal"
        )
        require_gate(precision, parity)
        results.append(
            OnnxResult(
                path=f"onnx/{precision}/model.onnx",
                route=ROUTE,
                precision=precision,
                opset=opset_of(out / "onnx" / precision),
                parity=parity,
            )
        )
    save_part(out, "onnx", {"onnx": msgspec.to_builtins(results)})
    progress.phase("evaluate")
    if held_out:
        labelled = label_rows(tokenizer, held_out, max_tokens=None)
        save_part(out, "evaluate", evaluate(model, tokenizer, held_out, labelled, plan.evaluation, progress.log))


def _tuned_model(plan: TrainPlan, out: Path) -> Any:
    """The merged model, or base and adapter side by side where the method has no merge."""
    merged = out / WORK / "merged"
    return load_model(plan, folder=str(merged)) if merged.exists() else technique(plan.technique).tuned(plan, out)


def compare(model: Any, onnx: OnnxCausalLM, prompts: list[list[int]]) -> ParityResult:
    """Prefill logits, then `TOKENS` cached steps per prompt, teacher-forced on PyTorch's greedy tokens.

    A token counts as equal also when PyTorch's two best logits lie closer than twice the largest
    difference seen: a near tie may fall either way.
    """
    import torch

    largest, scale, pairs = 0.0, 0.0, []
    for ids in prompts:
        with torch.inference_mode():
            out = model.generate(
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                max_new_tokens=TOKENS,
                min_new_tokens=TOKENS,
                do_sample=False,
            )
            sequence = out[0].tolist()
            reference = model(input_ids=torch.tensor([sequence[:-1]])).logits[0].float().numpy()
        logits, cache = onnx.start(ids)
        steps = [logits[-1]]
        largest = max(largest, float(abs(logits - reference[: len(ids)]).max()))
        for position in range(len(ids), len(sequence) - 1):
            logits, cache = onnx.step(sequence[position], cache, length=position + 1)
            steps.append(logits[-1])
            largest = max(largest, float(abs(logits[-1] - reference[position]).max()))
        scale = max(scale, float(abs(reference).max()))
        pairs += list(zip(reference[len(ids) - 1 :], steps, strict=True))
    equal = sum(_same_choice(left, right, 2 * largest) for left, right in pairs)
    return ParityResult(
        max_abs_logit_diff=largest,
        relative_logit_diff=largest / scale if scale else 0.0,
        greedy_tokens_compared=len(pairs),
        greedy_tokens_equal=equal,
    )


def require_gate(precision: str, parity: ParityResult) -> None:
    """Refuse an export that does not give the same answers.

    Raises:
        TrainerError: `parity_failed`.
    """
    gate = GATES[precision]
    agreement = parity.greedy_tokens_equal / parity.greedy_tokens_compared
    # `not <=` so that a difference that is not a number fails too
    if not parity.relative_logit_diff <= gate.relative or agreement < gate.agreement:
        raise TrainerError(
            "parity_failed",
            f"ONNX {precision}: relative logit difference {parity.relative_logit_diff:.2g} "
            f"(at most {gate.relative:g}), "
            f"equal greedy tokens {agreement:.3f} (at least {gate.agreement:g}).",
            remedy="Ask for another precision; fp32 is exact.",
        )


def _same_choice(reference: Any, other: Any, tie: float) -> bool:
    *_, second, best = sorted(reference)
    chosen = int(other.argmax())
    return int(reference.argmax()) == chosen or (best - second <= tie and reference[chosen] >= best - tie)


def _prompts(tokenizer: Any, rows: list[Row]) -> list[list[int]]:
    prompts = []
    for row in rows:
        answer = split_answer(row.messages)
        if answer is not None:
            text = render(tokenizer, answer[0], row.tools, prompt=True)
            prompts.append(list(tokenizer(text, add_special_tokens=False)["input_ids"]))
        if len(prompts) == PROMPTS:
            break
    return prompts
