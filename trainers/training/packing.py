"""Packing without cross-contamination: several rows in one sequence, each of which sees itself alone.

Every row's positions start at 0 again. A model that is given such positions and no attention mask builds a
block-diagonal mask from them (eager, sdpa: transformers' masking, sliding windows kept) or cuts the sequence at them
(flash attention's varlen kernels, which take one sequence per batch). That it does so is tried out before the first
step, on the very model and its own data: `require_packing`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Any

from trainers.contract import Compute
from trainers.labels import IGNORED, LabelledRow
from trainers.precision import autocast
from trainers.problems import TrainerError

# of the largest logit: packed rows of tiny models differ by 1e-6 in fp32; 16-bit ones have 8 bits of mantissa
_TOLERANCE, _TOLERANCE_16_BIT = 1e-4, 5e-2
_TRIED_TOKENS = 64


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Best-fit decreasing: indices of the rows of each sequence, none fuller than `capacity` tokens.

    Rows of one length keep their order, so the result depends on the lengths' order and on nothing else. A row longer
    than `capacity` has a sequence to itself.
    """
    sequences: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, sequence), sorted
    for index in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        place = bisect_left(room, (lengths[index], -1))
        if place == len(room):
            sequences.append([index])
            insort(room, (capacity - lengths[index], len(sequences) - 1))
            continue
        left, sequence = room.pop(place)
        sequences[sequence].append(index)
        insort(room, (left - lengths[index], sequence))
    return sequences


def packed(rows: Sequence[LabelledRow], *, pad_id: int, capacity: int | None) -> dict[str, Any]:
    """Tensors (sequences, longest sequence): input_ids, labels, position_ids.

    `capacity` is the tokens per sequence; None puts all rows into one. What is left of a sequence is padding that
    counts as a row of its own, without labels.
    """
    import torch

    lengths = [len(row.input_ids) for row in rows]
    sequences = best_fit(lengths, sum(lengths) if capacity is None else capacity)
    longest = max(sum(lengths[index] for index in sequence) for sequence in sequences)
    ids, labels, positions = [], [], []
    for sequence in sequences:
        members = [rows[index] for index in sequence]
        gap = longest - sum(len(row.input_ids) for row in members)
        ids.append([token for row in members for token in row.input_ids] + [pad_id] * gap)
        # nothing comes before a row's first token, so nothing can predict it: least of all the row before
        labels.append([label for row in members for label in (IGNORED, *row.labels[1:])] + [IGNORED] * gap)
        positions.append([at for row in members for at in range(len(row.input_ids))] + list(range(gap)))
    return {
        "input_ids": torch.tensor(ids),
        "labels": torch.tensor(labels),
        "position_ids": torch.tensor(positions),
    }


def is_varlen(model: Any) -> bool:
    """Whether attention is cut at the rows' starts (flash attention) and not masked."""
    return "flash" in str(getattr(model.config, "_attn_implementation", None) or "")


def require_packing(model: Any, rows: Sequence[LabelledRow], *, pad_id: int, compute: Compute | None = None) -> None:
    """Try on two rows whether each gets the logits in a pack that it gets alone.

    Raises:
        TrainerError: `target_cannot`: the architecture lets rows see one another (its state or its mask crosses them).
    """
    tried = [
        LabelledRow(row.input_ids[:_TRIED_TOKENS], row.labels[:_TRIED_TOKENS])
        for row in (rows[0], rows[len(rows) // 2])
    ]
    how = compute or Compute()
    difference = _difference(model, packed(tried, pad_id=pad_id, capacity=None), how)
    if not difference <= (_TOLERANCE if how.exact else _TOLERANCE_16_BIT):
        raise TrainerError(
            "target_cannot",
            f"This model cannot be packed: rows in one sequence see one another (logits differ by {difference:.2g}).",
            remedy="Train without packing.",
        )


def _difference(model: Any, together: dict[str, Any], compute: Compute) -> float:
    """The largest difference of the logits in a pack to those of each row alone, over the largest logit."""
    import torch

    device = next(model.parameters()).device
    ids, positions = together["input_ids"].to(device), together["position_ids"].to(device)
    starts = (positions[0] == 0).nonzero().flatten().tolist()
    parts = [ids[:, start:end] for start, end in zip(starts, [*starts[1:], ids.shape[1]], strict=True)]
    was_training = model.training
    model.eval()
    try:
        # as it is trained: flash attention takes 16-bit values only
        with torch.no_grad(), autocast(compute, model):
            seen = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0].float()
            alone = torch.cat([model(input_ids=part, use_cache=False).logits[0].float() for part in parts])
    except TypeError:  # its forward takes no positions
        return float("inf")
    finally:
        model.train(was_training)
    return float((seen - alone).abs().max() / alone.abs().max())
