"""What a model is tuned for: the tasks, the encoders that can classify, and how labels are named and ordered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Task = Literal["chat", "text-classification", "token-classification"]
TASKS: tuple[Task, ...] = ("chat", "text-classification", "token-classification")

# model_type of the architectures that were exported with a head of either task: every graph gave PyTorch's logits
# within 1e-6, batches and lengths that the exporter had not seen included (transformers 5.23.0, 2026-11-21)
ENCODERS = (
    "albert", "bert", "camembert", "convbert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet",
    "rembert", "roberta", "xlm-roberta",
)  # fmt: skip

# peft's own name of the task
PEFT_TASKS: dict[Task, str] = {
    "chat": "CAUSAL_LM",
    "text-classification": "SEQ_CLS",
    "token-classification": "TOKEN_CLS",
}


def label_name(value: str | int | bool) -> str:  # noqa: FBT001
    """A label as the model's config names it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def label_order(values: Iterable[str | int | bool]) -> list[str]:
    """The names once each: numbers by their size, anything else by its letters."""
    found = set(values)
    if all(type(one) is int for one in found):
        return [str(one) for one in sorted(found, key=int)]
    return sorted({label_name(one) for one in found})


def unfit_model(task: Task, model_type: str) -> str | None:
    """Why a model of this kind cannot be tuned for a task, and what can; None where it can, or nothing is known."""
    if task == "chat" and model_type in ENCODERS:
        return f"Model type {model_type} is an encoder: it writes no text. Task {TASKS[1]} or {TASKS[2]}"
    if task != "chat" and model_type not in ENCODERS:
        return (
            f"Model type {model_type} is none of the encoders that classify here ({', '.join(ENCODERS)}). One of "
            "these, or task chat on rows that ask for the label (tunegate convert --map user=text1,assistant=label)"
        )
    return None
