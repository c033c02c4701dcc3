"""Proves that what is handed over computes what was trained: the same logits on a few training rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.labels import LabelledRow
from trainers.load import on_gpu
from trainers.outfiles import WORK
from trainers.problems import TrainerError

ROWS, TOKENS = 4, 64
# relative to the largest logit; on a GPU a 4-bit base is trained in bf16 and merged in fp32
LIMIT, LIMIT_BF16 = 1e-4, 5e-2
_FILE = "trained-logits.npz"


def keep_answers(model: Any, rows: list[LabelledRow], out: Path) -> None:
    """Keep the logits of the model as it was trained; numbers of a few rows, on this host only."""
    import numpy as np

    was_training = model.training
    path = out / WORK / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, *_answers(model.eval(), rows))
    model.train(was_training)


def require_same_answers(model: Any, rows: list[LabelledRow], out: Path) -> float:
    """The largest difference over the largest logit.

    Raises:
        TrainerError: `parity_failed` when the model computes something else than what was trained.
    """
    import numpy as np

    with np.load(out / WORK / _FILE) as kept:
        trained = [kept[name] for name in kept.files]
    pairs = list(zip(trained, _answers(model, rows), strict=True))
    scale = max(float(abs(left).max()) for left, _ in pairs)
    difference = max(float(abs(left - right).max()) for left, right in pairs) / (scale or 1.0)
    limit = LIMIT_BF16 if on_gpu() else LIMIT
    if not difference <= limit:  # also when it is not a number
        raise TrainerError(
            "parity_failed",
            f"The merged model differs from the trained one: {difference:.2g} relative (at most {limit:g}).",
            remedy="The adapter in OUT/adapter is whole; this method does not merge exactly into this model.",
        )
    return difference


def _answers(model: Any, rows: list[LabelledRow]) -> list[Any]:
    """fp32 logits (tokens, vocabulary) of the first rows, each cut after `TOKENS`."""
    import torch

    answers = []
    for row in rows[:ROWS]:
        ids = torch.tensor([row.input_ids[:TOKENS]], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        answers.append(logits[0, -ids.shape[1] :].float().cpu().numpy())
    return answers
