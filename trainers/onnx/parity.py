"""Compares a graph with PyTorch: prefill, cached decoding and a padded batch, token by token on PyTorch's own text."""

from __future__ import annotations

from typing import Any

from trainers.contract import ParityResult
from trainers.onnx.graph import OnnxCausalLM
from trainers.onnx.limits import limits
from trainers.onnx.reference import TOKENS, Prompt, Reference


def compare(reference: Reference, onnx: OnnxCausalLM, precision: str) -> ParityResult:
    """Prefill and `TOKENS` cached steps per prompt, a right-padded batch of two, and free greedy answers."""
    tie = limits()[precision].near_tie * reference.scale
    largest, equal, near, compared = 0.0, 0, 0, 0
    for prompt in reference.prompts:
        steps, difference = _teacher_forced(prompt, onnx)
        largest = _worst(largest, difference)
        for position, logits in steps:
            wanted, chosen = prompt.at(position), int(logits.argmax())
            compared += 1
            if chosen == int(wanted.argmax()):
                equal += 1
            elif wanted.max() - wanted[chosen] <= tie:
                near += 1
    batch = _batch_difference(reference.prompts, onnx)
    largest = _worst(largest, batch or 0.0)
    return ParityResult(
        max_abs_logit_diff=largest,
        relative_logit_diff=largest / reference.scale if reference.scale else 0.0,
        greedy_tokens_compared=compared,
        greedy_tokens_equal=equal,
        near_ties=near,
        batch_max_abs_logit_diff=batch,
        prompts=len(reference.prompts),
        same_answers=sum(_same_answer(prompt, onnx) for prompt in reference.prompts),
    )


def _teacher_forced(prompt: Prompt, onnx: OnnxCausalLM) -> tuple[list[tuple[int, Any]], float]:
    """((position, logits) of each greedy choice, largest difference of any logit)."""
    last = len(prompt.ids) - 1
    logits, tokens = onnx.start(prompt.ids)
    largest = _difference(logits[prompt.first :], prompt.logits[: last + 1 - prompt.first])
    steps = [(last, logits[-1])]
    for position in range(last + 1, len(prompt.sequence) - 1):
        logits, tokens = onnx.step(prompt.sequence[position], tokens)
        steps.append((position, logits[-1]))
        largest = _worst(largest, _difference(logits[-1], prompt.at(position)))
    return steps, largest


def _batch_difference(prompts: list[Prompt], onnx: OnnxCausalLM) -> float | None:
    """Two unequal rows padded on the right, at every real token and one cached step later; None with one prompt."""
    if not prompts:
        return None
    short, long = sorted((prompts[0], prompts[-1]), key=lambda prompt: len(prompt.ids))
    # a few of its greedy tokens make the second row longer even where both prompts are of one length
    lengths = len(short.ids), len(long.ids) + 3
    logits, tokens = onnx.start_batch([short.sequence[: lengths[0]], long.sequence[: lengths[1]]])
    following, _ = onnx.step_batch([short.sequence[lengths[0]], long.sequence[lengths[1]]], tokens)
    largest = 0.0
    for row, (prompt, length) in enumerate(zip((short, long), lengths, strict=True)):
        largest = _worst(
            largest, _difference(logits[row, prompt.first : length], prompt.logits[: length - prompt.first])
        )
        largest = _worst(largest, _difference(following[row, 0], prompt.at(length)))
    return largest


def _same_answer(prompt: Prompt, onnx: OnnxCausalLM) -> bool:
    """Whether the free greedy answers are equal, up to the end token."""
    wanted = prompt.sequence[len(prompt.ids) :]
    ends = [index for index, token in enumerate(wanted) if token in onnx.eos]
    wanted = wanted[: ends[0] + 1] if ends else wanted
    return onnx.generate(prompt.ids, max_new_tokens=TOKENS) == wanted


def _difference(left: Any, right: Any) -> float:
    return float(abs(left - right).max())


def _worst(one: float, other: float) -> float:
    """The larger; a difference that is not a number wins, where max() would lose it."""
    return other if other != other or other > one else one
