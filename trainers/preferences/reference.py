"""What the model as it starts thinks of every pair: asked once, before the first step, and kept for the whole run.

No second model is held in memory. A run that goes on reads what it had asked; should that be gone, the model that it
starts from is the same again, and so is the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trainers.outfiles import WORK, write_atomically
from trainers.preferences.log_probs import log_probs_of
from trainers.preferences.pairs import Pair
from trainers.problems import TrainerError
from trainers.sharding.ranks import as_first, is_first


class _Kept(msgspec.Struct, frozen=True):
    """`pairs`: sha256 of the token ids and labels that the values are of."""

    pairs: str
    values: list[tuple[float, float]]


def referenced(
    model: Any, pairs: Sequence[Pair], out: Path, name: str, *, pad_id: int, heed: Callable[[], None]
) -> tuple[list[Pair], bool]:
    """The pairs with the log-probabilities that `model` gives them, and whether it had to be asked.

    Where several processes train together, each of which holds the whole model, the first one asks for all.
    """
    kept = _read(out, name, pairs) if is_first() else None
    asked = kept is None
    if kept is None and is_first():
        kept = [tuple(one) for one in log_probs_of(model, pairs, pad_id, heed=heed).tolist()]
        write_atomically(_path(out, name), msgspec.json.encode(_Kept(_digest(pairs), kept)))
    return _joined(pairs, as_first(kept) or []), asked


def recalled(pairs: Sequence[Pair], out: Path, name: str) -> list[Pair]:
    """The pairs with what the run has kept.

    Raises:
        TrainerError: `job_failed` when it is gone, or of other pairs.
    """
    kept = _read(out, name, pairs)
    if kept is None:
        raise TrainerError(
            "job_failed",
            "What the model thought of the pairs before training is no longer in the run folder.",
            remedy="Train again in a new folder.",
        )
    return _joined(pairs, kept)


def _joined(pairs: Sequence[Pair], values: list[tuple[float, float]]) -> list[Pair]:
    return [msgspec.structs.replace(pair, reference=value) for pair, value in zip(pairs, values, strict=True)]


def _path(out: Path, name: str) -> Path:
    return out / WORK / "reference" / f"{name}.json"


def _read(out: Path, name: str, pairs: Sequence[Pair]) -> list[tuple[float, float]] | None:
    try:
        kept = msgspec.json.decode(_path(out, name).read_bytes(), type=_Kept)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return kept.values if kept.pairs == _digest(pairs) else None


def _digest(pairs: Sequence[Pair]) -> str:
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(msgspec.json.encode([[side.input_ids, side.labels] for side in pair.sides]))
    return digest.hexdigest()
