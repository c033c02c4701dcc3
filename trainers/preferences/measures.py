"""How well a model keeps the preferences of held-out pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainers.contract import Dpo
from trainers.evaluation import ROW_LOSS
from trainers.preferences.log_probs import log_probs_of
from trainers.preferences.loss import margins, pair_losses
from trainers.preferences.pairs import Pair


def measured(model: Any, tokenizer: Any, pairs: Sequence[Pair], settings: Dpo) -> dict[str, float | None]:
    """Means over the pairs, as `measured_each` has them."""
    return measured_each(model, tokenizer, pairs, settings)[0]


def measured_each(
    model: Any, tokenizer: Any, pairs: Sequence[Pair], settings: Dpo
) -> tuple[dict[str, float | None], dict[str, list[float | None]]]:
    """(means, scores of each pair: its loss, and whether the preferred answer is the likelier one).

    Means over the pairs; empty without any.

    `validation_loss`: what is trained on. `reward_accuracy`: the share whose preferred answer has the higher reward
    (beta times the log-probability over the reference's), and `reward_margin` by how much; before training there is no
    reward, and the share is null. `log_prob_accuracy`: the same by plain log-probability. `preferred_log_prob` and
    `other_log_prob`: nats per answer.
    """
    import torch

    if not pairs:
        return {}, {}
    policy = log_probs_of(model, pairs, tokenizer.pad_token_id).double()
    known = all(pair.reference is not None for pair in pairs)
    # a model that is its own reference: the one before training
    reference = torch.tensor([pair.reference for pair in pairs], dtype=torch.float64) if known else policy
    tokens = torch.tensor([_predicted(pair) for pair in pairs])
    margin = margins(policy, reference, settings.beta)
    losses, kept = pair_losses(policy, reference, tokens, settings), policy[:, 0] > policy[:, 1]
    means = {
        "validation_loss": float(losses.mean()),
        "reward_accuracy": _share(margin > 0) if known else None,
        "reward_margin": float(margin.mean()),
        "log_prob_accuracy": _share(kept),
        "preferred_log_prob": float(policy[:, 0].mean()),
        "other_log_prob": float(policy[:, 1].mean()),
    }
    return means, {ROW_LOSS: losses.tolist(), "log_prob_accuracy": kept.double().tolist()}


def _predicted(pair: Pair) -> int:
    """Trained tokens of the preferred answer that something stands before."""
    return max(1, sum(label >= 0 for label in pair.preferred.labels[1:]))


def _share(hits: Any) -> float:
    return float(hits.double().mean())
