"""Proves that what is handed over computes what was trained: the same logits on a few training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from trainers.outfiles import WORK
from trainers.problems import TrainerError

ROWS, TOKENS = 4, 64
# relative to the largest logit; what is trained in 16 bits is merged in fp32
LIMIT, LIMIT_16_BIT = 1e-4, 5e-2
_FILE = Path("trained-answers") / "logits.npz"


def keep_answers(model: Any, rows: Iterable[list[int]], out: Path, *, write: bool = True) -> None:
    """Keep what a few rows (token ids) are answered by the model as it was trained: ids and logits, on this host only.

    Where several processes hold parts of the model all of them have to ask, and one of them is to `write`.
    """
    import numpy as np

    was_training = model.training
    asked = [row[:TOKENS] for row in islice(rows, ROWS)]
    answers = _answers(model.eval(), asked)
    if write:
        path = out / WORK / _FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, *map(np.array, asked), *answers)
    model.train(was_training)


def require_same_answers(
    model: Any, out: Path, *, exact: bool, unmerged: Callable[[], Any] | None = None
) -> float | None:
    """The largest difference over the largest logit; None where no answers were kept (a run that is exported again).

    `exact`: the model was trained in fp32. Where it was not, a merge that loses something could hide in what 16 bits
    blur; `unmerged` gives the same weights in fp32, side by side, which the merged ones must equal closely.

    Raises:
        TrainerError: `parity_failed` when the model computes something else than what was trained.
    """
    import numpy as np

    if not (out / WORK / _FILE).is_file():
        return None
    with np.load(out / WORK / _FILE) as kept:
        values = [kept[name] for name in kept.files]
    asked, trained = values[: len(values) // 2], values[len(values) // 2 :]
    answers = _answers(model, asked)
    if unmerged is not None:
        _require_below(LIMIT, _difference(_answers(unmerged(), asked), answers))
    difference = _difference(trained, answers)
    _require_below(LIMIT if exact else LIMIT_16_BIT, difference)
    return difference


def _difference(these: Sequence[Any], those: Sequence[Any]) -> float:
    scale = max(float(abs(left).max()) for left in these)
    return max(float(abs(left - right).max()) for left, right in zip(these, those, strict=True)) / (scale or 1.0)


def _require_below(limit: float, difference: float) -> None:
    if not difference <= limit:  # also when it is not a number
        raise TrainerError(
            "parity_failed",
            f"The merged model differs from the trained one: {difference:.2g} relative (at most {limit:g}).",
            remedy="OUT/adapter or OUT/model is whole; this method does not merge exactly into this model.",
        )


def _answers(model: Any, asked: Sequence[Any]) -> list[Any]:
    """fp32 logits (tokens, vocabulary or labels) of rows of token ids, or (labels,) of a text's classifier."""
    import torch

    answers = []
    for row in asked:
        ids = torch.as_tensor(row, device=model.device)[None]
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        logits = logits[0] if logits.ndim == 2 else logits[0, -ids.shape[1] :]
        answers.append(logits.float().cpu().numpy())
    return answers
