"""The gate's arithmetic: what a figure must be to pass, and which precision is offered instead."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.contract import ONNX_PRECISIONS, ParityResult, QualityResult
from trainers.onnx.limits import failures, limits, next_precision

EXACT = ParityResult(
    max_abs_logit_diff=0.0, relative_logit_diff=0.0, greedy_tokens_compared=128, greedy_tokens_equal=128
)
SAME = QualityResult(
    split="validation", rows=4, loss=2.0, reference_loss=2.0, loss_increase=0.0, loss_increase_limit=0.0
)
precisions = st.sampled_from(sorted(limits()))


@given(precisions)
def test_an_exact_graph_passes(precision: str) -> None:
    assert failures(precision, EXACT, SAME) == []


@given(precisions, st.floats(0, 1), st.integers(0, 128), st.floats(-1, 1))
def test_each_figure_beyond_its_limit_is_named(precision: str, relative: float, equal: int, increase: float) -> None:
    limit = limits()[precision]
    parity = msgspec.structs.replace(EXACT, relative_logit_diff=relative, greedy_tokens_equal=equal)
    found = failures(precision, parity, msgspec.structs.replace(SAME, loss_increase=increase))
    beyond = [
        relative > limit.relative_logit_diff,
        equal / 128 < limit.token_agreement,
        increase > limit.loss_increase,
    ]
    assert len(found) == sum(beyond)


@given(precisions)
def test_what_is_no_number_does_not_pass(precision: str) -> None:
    nan = float("nan")
    assert failures(precision, msgspec.structs.replace(EXACT, relative_logit_diff=nan), SAME)
    assert failures(precision, EXACT, msgspec.structs.replace(SAME, loss_increase=nan))


def test_a_near_tie_counts_as_equal() -> None:
    flipped = msgspec.structs.replace(EXACT, greedy_tokens_equal=100)
    assert failures("int8", flipped, SAME)
    assert failures("int8", msgspec.structs.replace(flipped, near_ties=28), SAME) == []


@pytest.mark.parametrize(
    ("precision", "provider", "offered"),
    [("int4", "cpu", "int8"), ("int8", "cpu", "fp32"), ("fp32", "cpu", None), ("int4", "dml", None)],
)
def test_the_next_precision_is_one_that_the_provider_runs(precision: str, provider: str, offered: str | None) -> None:
    found = next_precision(precision, provider)  # type: ignore[arg-type]
    assert found == offered
    assert found is None or found in ONNX_PRECISIONS[provider]


@given(precisions, st.integers(0, 100), st.floats(0, 1))
def test_a_classifier_is_held_to_its_predictions_and_its_f1(precision: str, equal: int, f1: float) -> None:
    limit = limits()[precision]
    parity = ParityResult(
        max_abs_logit_diff=0.0, relative_logit_diff=0.0, greedy_tokens_compared=0, greedy_tokens_equal=0,
        predictions_compared=100, predictions_equal=equal,
    )  # fmt: skip
    found = failures(precision, parity, msgspec.structs.replace(SAME, f1=f1, reference_f1=0.9))
    assert len(found) == (equal / 100 < limit.token_agreement) + (0.9 - f1 > limit.f1_drop)
    assert failures(precision, parity, msgspec.structs.replace(SAME, f1=float("nan"), reference_f1=0.9))
