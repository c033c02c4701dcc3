"""Measures a model on validation rows: loss and accuracy per trained token, exact match, the plan's style checks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from trainers.answer_metrics import answer_metrics, token_f1
from trainers.contract import Check, EvaluationSettings
from trainers.labels import IGNORED, LabelledRow, render, split_answer
from trainers.load import Row

_BATCH_ROWS = 16
_LARGEST_EXPONENT = 700.0  # exp() of more overflows a float
_PLACES = 6  # of a row's score: more says nothing
# where measures keep the numbers of each row, and the loss of each row among them
SCORES, ROW_LOSS = "scores", "row_loss"


class _Asked(msgspec.Struct, frozen=True):
    """A prompt with the answer that is wanted, of the row at `place`."""

    place: int
    prompt: str
    expected: str


def evaluate(
    model: Any,
    tokenizer: Any,
    rows: list[Row],
    labelled: list[LabelledRow],
    settings: EvaluationSettings,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """All measures on the first `max_rows` rows; `scores` has each row's own."""
    forced = each_forced(model, tokenizer, labelled[: settings.max_rows])
    of_answers = answered(model, tokenizer, rows, settings, say)
    scores = forced.scores() | of_answers[SCORES]
    return forced.measures() | of_answers | {SCORES: scores}


def answered(
    model: Any, tokenizer: Any, rows: list[Row], settings: EvaluationSettings, say: Callable[[str], None]
) -> dict[str, Any]:
    """Greedy answers to the first `max_rows` rows beside the wanted ones; compared and forgotten, never written."""
    kept = rows[: settings.max_rows]
    asked = [
        _Asked(place, render(tokenizer, answer[0], row.tools, prompt=True), answer[1])
        for place, row in enumerate(kept)
        if (answer := split_answer(row.messages))
    ]
    fitting = _fitting(model, tokenizer, asked, settings.max_new_tokens)
    if len(fitting) < len(asked):
        say(f"{len(asked) - len(fitting)} validation prompts leave no room for an answer and are not asked")
    answers: list[str] = []
    for start in range(0, len(fitting), _BATCH_ROWS):
        prompts = [one.prompt for one in fitting[start : start + _BATCH_ROWS]]
        answers += generate(model, tokenizer, prompts, max_new_tokens=settings.max_new_tokens)
        say(f"answered {len(answers)} of {len(fitting)} validation prompts")
    expected = [one.expected for one in fitting]
    right = [got.strip() == want.strip() for got, want in zip(answers, expected, strict=True)]
    return {
        "rows": len(asked),
        "generations": len(answers),
        "exact_match": _share(right),
        "checks": {check.name: style_share(check, answers) for check in settings.checks},
        **answer_metrics(settings.metrics, answers, expected),
        "max_new_tokens": settings.max_new_tokens,
        "engine": "torch",
        SCORES: _of_rows(len(kept), fitting, {"exact_match": right} | _row_scores(settings, answers, expected)),
    }


def _row_scores(settings: EvaluationSettings, answers: list[str], expected: list[str]) -> dict[str, list[Any]]:
    """What can be told of one answer alone: token F1 where it is asked for, and each check."""
    found: dict[str, list[Any]] = {}
    if "token_f1" in settings.metrics:
        found["token_f1"] = list(map(token_f1, answers, expected))
    return found | {f"check {check.name}": style_hits(check, answers) for check in settings.checks}


def _of_rows(rows: int, asked: list[_Asked], scores: dict[str, list[Any]]) -> dict[str, list[float | None]]:
    """A number for each row; null for one that was not asked."""
    found: dict[str, list[float | None]] = {}
    for name, values in scores.items():
        by_place = {one.place: round(float(value), _PLACES) for one, value in zip(asked, values, strict=True)}
        found[name] = [by_place.get(place) for place in range(rows)]
    return found


def _fitting(model: Any, tokenizer: Any, asked: list[_Asked], new_tokens: int) -> list[_Asked]:
    """The prompts whose answer still lies in the model's context."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if context is None:
        return asked
    lengths = [len(tokenizer(one.prompt, add_special_tokens=False)["input_ids"]) for one in asked]
    return [one for one, length in zip(asked, lengths, strict=True) if length + new_tokens <= context]


def style_share(check: Check, answers: list[str]) -> float | None:
    """The share of answers that the pattern matches from start to end."""
    return _share(style_hits(check, answers))


def style_hits(check: Check, answers: list[str]) -> list[bool]:
    """Which answers the pattern matches from start to end."""
    pattern = re.compile(check.pattern, re.DOTALL)
    return [pattern.fullmatch(answer.strip()) is not None for answer in answers]


class Forced(msgspec.Struct, frozen=True):
    """Of each row: the cross-entropy over its trained tokens (nats), how many were the likeliest, and their count."""

    losses: list[float]
    right: list[int]
    tokens: list[int]

    def measures(self) -> dict[str, float | None]:
        """Per trained token over all rows together."""
        count = sum(self.tokens)
        loss = sum(self.losses) / count if count else None
        return {
            "validation_loss": loss,
            "perplexity": math.exp(min(loss, _LARGEST_EXPONENT)) if loss is not None else None,
            "token_accuracy": sum(self.right) / count if count else None,
        }

    def scores(self) -> dict[str, list[float | None]]:
        """Per trained token of each row."""
        rows = list(zip(self.losses, self.right, self.tokens, strict=True))
        return {
            ROW_LOSS: [round(loss / count, _PLACES) if count else None for loss, _, count in rows],
            "token_accuracy": [round(right / count, _PLACES) if count else None for _, right, count in rows],
        }


def teacher_forced(model: Any, tokenizer: Any, labelled: list[LabelledRow]) -> dict[str, float | None]:
    """Per trained token over all rows together, each given the true tokens before it.

    `validation_loss` is the mean cross-entropy (nats), `perplexity` its exponential, `token_accuracy`
    the share whose most likely token is the true one.
    """
    return each_forced(model, tokenizer, labelled).measures()


def each_forced(model: Any, tokenizer: Any, labelled: list[LabelledRow]) -> Forced:
    """Each row by itself, given the true tokens before each one."""
    import torch

    found = Forced([], [], [])
    for start in range(0, len(labelled), _BATCH_ROWS):
        batch = padded(labelled[start : start + _BATCH_ROWS], tokenizer.pad_token_id)
        batch = {name: values.to(model.device) for name, values in batch.items()}
        with torch.inference_mode():
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        # virtual tokens of prompt tuning stand before the row
        logits, wanted = logits[:, -batch["labels"].shape[1] : -1], batch["labels"][:, 1:]
        losses = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]).float(), wanted.reshape(-1), ignore_index=IGNORED, reduction="none"
        )
        found.losses.extend(losses.view(wanted.shape).sum(1, dtype=torch.float64).tolist())
        # an ignored label is no token, so it never matches
        found.right.extend((logits.argmax(-1) == wanted).sum(1).tolist())
        found.tokens.extend((wanted != IGNORED).sum(1).tolist())
    return found


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
