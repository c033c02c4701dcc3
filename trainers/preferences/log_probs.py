"""How likely a model finds whole answers, and what one forward pass over pairs is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trainers.evaluation import padded
from trainers.labels import IGNORED
from trainers.preferences.pairs import Pair

_BATCH_PAIRS = 8


def together(pairs: Sequence[Pair], pad_id: int) -> dict[str, Any]:
    """Right-padded tensors (2 x pairs, longest): input_ids, attention_mask, labels; all preferred sides come first.

    With them `reference` (pairs, 2) and `counts` (pairs,): 1, or 0 for a pair that only fills the batch.
    """
    import torch

    rows = [pair.preferred for pair in pairs] + [pair.other for pair in pairs]
    return padded(rows, pad_id) | {
        "reference": torch.tensor([pair.reference or (0.0, 0.0) for pair in pairs], dtype=torch.float32),
        "counts": torch.tensor([float(pair.preferred.trained > 0) for pair in pairs]),
    }


def answer_log_probs(logits: Any, labels: Any) -> Any:
    """(rows,): the sum over trained tokens of log p(token | all before it), in nats.

    `logits` (rows, tokens, vocabulary) may have virtual tokens before the row; `labels` (rows, tokens).
    """
    from torch.nn.functional import cross_entropy

    logits, wanted = logits[:, -labels.shape[1] : -1], labels[:, 1:]
    losses = cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), wanted.reshape(-1), ignore_index=IGNORED, reduction="none"
    )
    return -losses.reshape(wanted.shape).sum(1)


def both_sides(model: Any, batch: dict[str, Any]) -> Any:
    """(pairs, 2): log-probabilities of the answers of a batch that `together` made, the preferred ones first."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits
    return answer_log_probs(logits, batch["labels"]).reshape(2, -1).T


def log_probs_of(
    model: Any,
    pairs: Sequence[Pair],
    pad_id: int,
    *,
    heed: Callable[[], None] = lambda: None,
) -> Any:
    """(pairs, 2) on the CPU, without gradients and without dropout; `heed` is called between two batches."""
    import torch

    training = model.training
    model.eval()
    found = []
    try:
        for start in range(0, len(pairs), _BATCH_PAIRS):
            heed()
            batch = together(pairs[start : start + _BATCH_PAIRS], pad_id)
            batch = {name: values.to(model.device) for name, values in batch.items()}
            with torch.no_grad():
                found.append(both_sides(model, batch).float().cpu())
    finally:
        model.train(training)
    return torch.cat(found) if found else torch.zeros(0, 2)
