"""What PyTorch answers in fp32: taken once, so that the model's memory is free while the graphs are compared."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from trainers.evaluation import teacher_forced
from trainers.labels import LabelledRow, render, split_answer
from trainers.load import Row

PROMPTS = 4
TOKENS = 32
_KEPT = 256  # positions of a prompt whose logits are compared: at 150,000 tokens of vocabulary 150 MB
_QUALITY_ROWS = 64
_ANSWER_ROWS = 16
_TIMED_TOKENS = 32
_TIMED_SECONDS = 5.0


class Prompt(msgspec.Struct, frozen=True):
    """One prompt with its greedy text: `logits` (positions, vocabulary) from `first` on, for sequence[:-1]."""

    messages: list[dict[str, Any]]
    tools: list[Any] | None
    ids: list[int]
    sequence: list[int]
    first: int
    logits: Any

    def at(self, position: int) -> Any:
        """The logits (vocabulary,) after the token at that position."""
        return self.logits[position - self.first]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a graph is compared with; `rows` and `asked` are of the named split."""

    prompts: list[Prompt]
    split: Literal["validation", "train"]
    rows: list[LabelledRow]
    loss: float
    asked: list[tuple[list[int], str]]
    tokens_per_second: float
    rope_switch: int | None = None

    @property
    def scale(self) -> float:
        """The largest logit, by which differences are measured."""
        return max(float(abs(prompt.logits).max()) for prompt in self.prompts)


def take_reference(
    model: Any,
    tokenizer: Any,
    rows: list[Row],
    labelled: list[LabelledRow],
    *,
    split: Literal["validation", "train"],
    max_rows: int,
) -> Reference:
    """Greedy text and logits of the first prompts, loss over the rows, and the speed of one thread."""
    kept = labelled[: min(max_rows, _QUALITY_ROWS)]
    asked = [(row, *answer) for row in rows if (answer := split_answer(row.messages))]
    prompts = [(row, messages, _ids(tokenizer, messages, row), text) for row, messages, text in asked[:_ANSWER_ROWS]]
    context = getattr(model.config, "max_position_embeddings", None)
    prompts = [prompt for prompt in prompts if context is None or len(prompt[2]) + TOKENS <= context] or prompts
    switch = rope_switch(model.config)
    compared = [prompt for prompt in prompts if switch is None or len(prompt[2]) + TOKENS <= switch] or prompts
    taken = [_prompt(model, messages, row.tools, ids) for row, messages, ids, _ in compared[:PROMPTS]]
    # the longest row of a batch decides LongRoPE's factors for all of it: then each row is its own batch
    batches = [kept] if switch is None else [[row] for row in kept]
    losses = [
        (teacher_forced(model, tokenizer, batch)["validation_loss"], sum(row.trained for row in batch))
        for batch in batches
    ]
    weight = sum(count for loss, count in losses if loss is not None)
    return Reference(
        prompts=taken,
        split=split,
        rows=kept,
        loss=sum(loss * count for loss, count in losses if loss is not None) / weight if weight else float("nan"),
        asked=[(ids, text) for _, _, ids, text in prompts],
        tokens_per_second=_speed(model, taken[0].ids) if taken else 0.0,
        rope_switch=switch,
    )


def rope_switch(config: Any) -> int | None:
    """The length at which LongRoPE changes its factors, or None.

    A cache that was filled below it holds keys rotated by the short factors: decoding on from there differs from a
    fresh forward pass, in PyTorch as well. Prompts are compared on one side of it.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") != "longrope":
        return None
    original = rope.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", None)
    return int(original) if original and original != config.max_position_embeddings else None


def timed(step: Any) -> float:
    """Tokens per second of calling `step(n)` for n = 0, 1, ...; stops after 32 tokens or five seconds."""
    step(0)  # the first call also allocates
    started = time.perf_counter()
    done = 0
    while done < _TIMED_TOKENS and time.perf_counter() - started < _TIMED_SECONDS:
        done += 1
        step(done)
    return done / (time.perf_counter() - started)


def _prompt(model: Any, messages: list[dict[str, Any]], tools: list[Any] | None, ids: list[int]) -> Prompt:
    import torch

    with torch.inference_mode():
        sequence = ids + _greedy(model, ids)
        logits = model(input_ids=torch.tensor([sequence[:-1]])).logits[0].float().numpy()
    first = max(0, len(ids) - _KEPT)
    return Prompt(messages, tools, ids, sequence, first, logits[first:])


def _greedy(model: Any, ids: list[int]) -> list[int]:
    """`TOKENS` tokens of plain greedy text, past any end token: generate() would follow the generation config."""
    import torch

    out = model(input_ids=torch.tensor([ids]), use_cache=True)
    text: list[int] = []
    while True:
        text.append(int(out.logits[0, -1].argmax()))
        if len(text) == TOKENS:
            return text
        out = model(input_ids=torch.tensor([text[-1:]]), past_key_values=out.past_key_values, use_cache=True)


def _speed(model: Any, ids: list[int]) -> float:
    """Tokens per second of eager greedy decoding through the cache, on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([ids]), use_cache=True)

            def step(_: int) -> None:
                nonlocal out
                token = out.logits[:, -1:].argmax(-1)
                out = model(input_ids=token, past_key_values=out.past_key_values, use_cache=True)

            return timed(step)
    finally:
        torch.set_num_threads(threads)


def _ids(tokenizer: Any, messages: list[dict[str, Any]], row: Row) -> list[int]:
    text = render(tokenizer, messages, row.tools, prompt=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
