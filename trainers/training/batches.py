"""What one forward pass is given: rows padded to the longest, or packed into sequences as long as the longest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trainers.contract import TrainPlan
from trainers.evaluation import padded
from trainers.labels import LabelledRow
from trainers.training.packing import best_fit, is_varlen, packed

Collator = Callable[[Sequence[LabelledRow]], dict[str, Any]]


def collator(plan: TrainPlan, model: Any, *, pad_id: int) -> Collator:
    """The plan's way to put the rows of a forward pass together."""
    if not plan.hyperparameters.packing:
        return lambda batch: padded(list(batch), pad_id)
    varlen = is_varlen(model)
    return lambda batch: packed(batch, pad_id=pad_id, capacity=None if varlen else longest(batch))


def longest(rows: Sequence[LabelledRow]) -> int:
    """Tokens of the longest row: the length of packed sequences where attention is masked.

    Longer ones cost more than they save, since every token is compared with its whole sequence: 16 rows of about 60
    tokens (one of 200) on one CPU thread ran 2.3 times as fast as padded at this length, 1.7 times at 512 tokens and
    1.3 to 1.6 times in one sequence (2026-11-21). And so packing never takes more memory than padding.
    """
    return max(len(row.input_ids) for row in rows)


def packing_note(rows: Sequence[LabelledRow], *, batch_size: int, micro_batch: int) -> str:
    """What packing saves, told by the rows in the order of the file."""
    sizes = [len(row.input_ids) for row in rows]
    passes = [sizes[at : at + micro_batch] for at in range(0, len(sizes), micro_batch)]
    padded_tokens = sum(max(one) * len(one) for one in passes)
    sequences = [len(best_fit(one, max(one))) for one in passes]
    packed_tokens = sum(max(one) * count for one, count in zip(passes, sequences, strict=True))
    return (
        f"packing: {batch_size} rows per step as without it, {micro_batch} per forward pass in about "
        f"{sum(sequences) / len(passes):.1f} sequences; padding {1 - sum(sizes) / packed_tokens:.0%} instead of "
        f"{1 - sum(sizes) / padded_tokens:.0%}"
    )
