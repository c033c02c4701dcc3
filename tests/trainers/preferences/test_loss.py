"""The loss by itself: hand-checked values, symmetries, and what it does with numbers that no softmax would give."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainers.contract import Dpo
from trainers.preferences.loss import margins, pair_losses, preference_losses

LOG_PROBS = st.floats(-500, 0)
PAIRS = st.tuples(LOG_PROBS, LOG_PROBS)
BETAS, SMOOTHING = st.floats(1e-3, 1.0), st.floats(0.0, 0.49)


def loss(policy: tuple[float, float], reference: tuple[float, float], settings: Dpo) -> float:
    rows = [torch.tensor([one], dtype=torch.float64) for one in (policy, reference)]
    return float(preference_losses(*rows, settings)[0])


def test_it_is_the_formula_of_the_paper() -> None:
    # margin = 0.1 x ((-10 + 12) - (-9 + 8)) = 0.3
    want = math.log(1 + math.exp(-0.3))
    assert loss((-10, -9), (-12, -8), Dpo()) == pytest.approx(want, abs=1e-12)
    other_way = math.log(1 + math.exp(0.3))
    smoothed = 0.8 * want + 0.2 * other_way
    assert loss((-10, -9), (-12, -8), Dpo(label_smoothing=0.2)) == pytest.approx(smoothed, abs=1e-12)


def test_the_sft_weight_adds_the_preferred_answers_own_loss_per_token() -> None:
    policy, reference = torch.tensor([[-10.0, -9.0], [-3.0, -8.0]]), torch.zeros(2, 2)
    tokens = torch.tensor([5, 2])
    plain, added = (pair_losses(policy, reference, tokens, Dpo(sft_weight=one)) for one in (0.0, 0.5))
    assert (added - plain).tolist() == pytest.approx([0.5 * 10 / 5, 0.5 * 3 / 2])


@given(PAIRS, BETAS, SMOOTHING)
def test_a_model_that_is_its_reference_loses_log_2(policy: tuple[float, float], beta: float, wrong: float) -> None:
    assert loss(policy, policy, Dpo(beta=beta, label_smoothing=wrong)) == pytest.approx(math.log(2), abs=1e-12)


@given(PAIRS, PAIRS, BETAS, SMOOTHING)
def test_swapped_answers_are_the_opposite_preference(
    policy: tuple[float, float], reference: tuple[float, float], beta: float, wrong: float
) -> None:
    swapped = loss(policy[::-1], reference[::-1], Dpo(beta=beta, label_smoothing=wrong))
    assert swapped == pytest.approx(loss(policy, reference, Dpo(beta=beta, label_smoothing=1 - wrong)), rel=1e-9)
    both = [torch.tensor([one], dtype=torch.float64) for one in (policy, reference)]
    turned = [one.flip(1) for one in both]
    assert float(margins(*both, beta)[0]) == pytest.approx(-float(margins(*turned, beta)[0]), abs=1e-9)


@given(PAIRS, PAIRS, st.floats(0.1, 50), BETAS)
def test_a_likelier_preferred_answer_loses_less_and_a_likelier_other_one_more(
    policy: tuple[float, float], reference: tuple[float, float], more: float, beta: float
) -> None:
    settings = Dpo(beta=beta)
    here = loss(policy, reference, settings)
    assert loss((policy[0] + more, policy[1]), reference, settings) <= here
    assert loss((policy[0], policy[1] + more), reference, settings) >= here
    assert math.isfinite(here)


@given(PAIRS, PAIRS, BETAS, SMOOTHING)
def test_its_gradient_is_the_papers_weight(
    policy: tuple[float, float], reference: tuple[float, float], beta: float, wrong: float
) -> None:
    """-beta x (1 - smoothing - sigmoid(margin)) on the preferred answer, the opposite on the other."""
    given_ = torch.tensor([policy], dtype=torch.float64, requires_grad=True)
    known = torch.tensor([reference], dtype=torch.float64)
    preference_losses(given_, known, Dpo(beta=beta, label_smoothing=wrong)).sum().backward()
    margin = beta * ((policy[0] - reference[0]) - (policy[1] - reference[1]))
    right = 1 / (1 + math.exp(-margin)) if margin > -700 else 0.0
    weight = beta * (1 - wrong - right)
    assert given_.grad is not None
    assert given_.grad[0].tolist() == pytest.approx([-weight, weight], abs=1e-9)
