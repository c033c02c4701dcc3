"""Measures a model on validation rows: loss and accuracy per trained token, exact match, the plan's style checks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from trainers.answer_metrics import answer_metrics
from trainers.contract import Check, EvaluationSettings
from trainers.labels import IGNORED, LabelledRow, render, split_answer
from trainers.load import Row

_BATCH_ROWS = 16
_LARGEST_EXPONENT = 700.0  # exp() of more overflows a float


def evaluate(
    model: Any,
    tokenizer: Any,
    rows: list[Row],
    labelled: list[LabelledRow],
    settings: EvaluationSettings,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """All measures on the first `max_rows` rows."""
    forced = teacher_forced(model, tokenizer, labelled[: settings.max_rows])
    return forced | answered(model, tokenizer, rows, settings, say)


def answered(
    model: Any, tokenizer: Any, rows: list[Row], settings: EvaluationSettings, say: Callable[[str], None]
) -> dict[str, Any]:
    """Greedy answers to the first `max_rows` rows beside the wanted ones; compared and forgotten, never written."""
    kept = rows[: settings.max_rows]
    asked = [
        (render(tokenizer, answer[0], row.tools, prompt=True), answer[1])
        for row in kept
        if (answer := split_answer(row.messages))
    ]
    fitting = _fitting(model, tokenizer, asked, settings.max_new_tokens)
    if len(fitting) < len(asked):
        say(f"{len(asked) - len(fitting)} validation prompts leave no room for an answer and are not asked")
    answers: list[str] = []
    for start in range(0, len(fitting), _BATCH_ROWS):
        prompts = [prompt for prompt, _ in fitting[start : start + _BATCH_ROWS]]
        answers += generate(model, tokenizer, prompts, max_new_tokens=settings.max_new_tokens)
        say(f"answered {len(answers)} of {len(fitting)} validation prompts")
    expected = [text for _, text in fitting]
    return {
        "rows": len(asked),
        "generations": len(answers),
        "exact_match": _share([got.strip() == want.strip() for got, want in zip(answers, expected, strict=True)]),
        "checks": {check.name: style_share(check, answers) for check in settings.checks},
        **answer_metrics(settings.metrics, answers, expected),
        "max_new_tokens": settings.max_new_tokens,
        "engine": "torch",
    }


def _fitting(model: Any, tokenizer: Any, asked: list[tuple[str, str]], new_tokens: int) -> list[tuple[str, str]]:
    """The prompts whose answer still lies in the model's context."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if context is None:
        return asked
    lengths = [len(tokenizer(prompt, add_special_tokens=False)["input_ids"]) for prompt, _ in asked]
    return [one for one, length in zip(asked, lengths, strict=True) if length + new_tokens <= context]


def style_share(check: Check, answers: list[str]) -> float | None:
    """The share of answers that the pattern matches from start to end."""
    pattern = re.compile(check.pattern, re.DOTALL)
    return _share([pattern.fullmatch(answer.strip()) is not None for answer in answers])


def teacher_forced(model: Any, tokenizer: Any, labelled: list[LabelledRow]) -> dict[str, float | None]:
    """Per trained token over all rows together, each given the true tokens before it.

    `validation_loss` is the mean cross-entropy (nats), `perplexity` its exponential, `token_accuracy`
    the share whose most likely token is the true one.
    """
    import torch

    total, right, count = 0.0, 0, 0
    for start in range(0, len(labelled), _BATCH_ROWS):
        batch = padded(labelled[start : start + _BATCH_ROWS], tokenizer.pad_token_id)
        batch = {name: values.to(model.device) for name, values in batch.items()}
        with torch.inference_mode():
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        # virtual tokens of prompt tuning stand before the row
        logits, wanted = logits[:, -batch["labels"].shape[1] : -1], batch["labels"][:, 1:]
        losses = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]).float(), wanted.reshape(-1), ignore_index=IGNORED, reduction="sum"
        )
        total += float(losses)
        right += int((logits.argmax(-1) == wanted).sum())  # an ignored label is no token, so it never matches
        count += int((wanted != IGNORED).sum())
    loss = total / count if count else None
    return {
        "validation_loss": loss,
        "perplexity": math.exp(min(loss, _LARGEST_EXPONENT)) if loss is not None else None,
        "token_accuracy": right / count if count else None,
    }


def padded(rows: list[LabelledRow], pad_id: int) -> dict[str, Any]:
    """Right-padded tensors (rows, longest): input_ids, attention_mask, labels."""
    import torch

    longest = max(len(row.input_ids) for row in rows)
    ids, mask, labels = [], [], []
    for row in rows:
        gap = longest - len(row.input_ids)
        ids.append(row.input_ids + [pad_id] * gap)
        mask.append([1] * len(row.input_ids) + [0] * gap)
        labels.append(row.labels + [IGNORED] * gap)
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask), "labels": torch.tensor(labels)}


def generate(model: Any, tokenizer: Any, prompts: list[str], *, max_new_tokens: int) -> list[str]:
    """Greedy answers without special tokens; prompts are padded on the left, each keeps its own mask."""
    import torch

    batch = tokenizer(prompts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
    batch = batch.to(model.device)
    with torch.inference_mode():
        out = model.generate(
            input_ids=batch["input_ids"].to(model.device),
            attention_mask=batch["attention_mask"].to(model.device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            use_cache=True,
            pad_token_id=tokenizer.pad_token_id,
        )
    texts: list[str] = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def _share(hits: list[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
