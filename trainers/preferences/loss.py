"""The loss of direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, equation 7).

A preference is right with probability sigmoid(margin): the margin is how much more than the reference model the policy
likes the preferred answer, over the same of the other one, times beta.
"""

from __future__ import annotations

from typing import Any

from trainers.contract import Dpo


def margins(policy: Any, reference: Any, beta: float) -> Any:
    """(pairs,): the reward of the preferred answer minus that of the other.

    `policy` and `reference` are (pairs, 2): log-probabilities (nats) of whole answers, the preferred one first.
    """
    rewards = beta * (policy - reference)
    return rewards[:, 0] - rewards[:, 1]


def preference_losses(policy: Any, reference: Any, settings: Dpo) -> Any:
    """(pairs,): -log sigmoid(margin), smoothed as in conservative DPO, which takes a share of the pairs to be wrong.

    Mitchell 2023, "A note on DPO with noisy preferences & relationship to IPO", ericmitchell.ai/cdpo.pdf.
    """
    from torch.nn.functional import logsigmoid

    found = margins(policy, reference, settings.beta)
    wrong = settings.label_smoothing
    return -(1 - wrong) * logsigmoid(found) - wrong * logsigmoid(-found)


def pair_losses(policy: Any, reference: Any, preferred_tokens: Any, settings: Dpo) -> Any:
    """(pairs,): the preference's loss and, where it is asked for, the cross-entropy per token of the preferred answer.

    `preferred_tokens` (pairs,) are the trained tokens of the preferred answers (Pang et al. 2024, arXiv 2404.19733).
    """
    losses = preference_losses(policy, reference, settings)
    if settings.sft_weight:
        losses = losses - settings.sft_weight * policy[:, 0] / preferred_tokens
    return losses
