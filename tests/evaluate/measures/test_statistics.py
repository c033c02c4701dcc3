"""Intervals against scipy's own, at the edges where a bootstrap lies, and the laws that they must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from service.evaluate.measures.catalogue import CORPUS
from service.evaluate.measuring import verdict
from service.evaluate.statistics import (
    Draws,
    Interval,
    corpus_difference,
    corpus_interval,
    detectable,
    mean_intervals,
    paired_intervals,
    resampled_sums,
    rows_to_tell,
    share_interval,
    tails,
)

DRAWS = Draws(seed=7, resamples=10_000)
FEW = Draws(seed=7, resamples=1_000)
UNIT = st.floats(0, 1, width=32)


def column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64)[:, None]


@pytest.mark.parametrize(("rows", "seed"), [(12, 1), (60, 2), (1000, 3)])
def test_a_mean_has_the_interval_that_scipy_gives_at_the_same_tails(rows: int, seed: int) -> None:
    scores = np.random.default_rng(seed).beta(2, 1, rows)
    low, high = tails(rows, 0.95)
    reference = stats.bootstrap(
        (scores,), np.mean, n_resamples=20_000, confidence_level=high - low, method="percentile", rng=seed
    ).confidence_interval
    found = mean_intervals(scores[:, None], DRAWS)[0]
    width = reference.high - reference.low
    assert found.value == pytest.approx(scores.mean())
    assert found.low == pytest.approx(reference.low, abs=0.05 * width)
    assert found.high == pytest.approx(reference.high, abs=0.05 * width)


def test_a_paired_difference_has_the_interval_that_scipy_gives() -> None:
    random = np.random.default_rng(5)
    ours = random.beta(3, 1, 300)
    theirs = np.clip(ours - random.normal(0.05, 0.1, 300), 0, 1)
    low, high = tails(300, 0.95)
    reference = stats.bootstrap(
        (ours, theirs), lambda a, b, axis: (a - b).mean(axis=axis), paired=True, n_resamples=20_000,
        confidence_level=high - low, method="percentile", rng=5,
    ).confidence_interval  # fmt: skip
    found = paired_intervals((ours - theirs)[:, None], DRAWS, bounded=[True])[0]
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.002)
    alone = mean_intervals(ours[:, None], DRAWS)[0]
    assert found.high - found.low < alone.high - alone.low, "what both rows share is no noise"


@pytest.mark.parametrize("rows", [8, 30, 400])
def test_the_tails_are_those_of_a_t_interval(rows: int) -> None:
    """For normal scores the expanded tails give back Student's interval (Hesterberg): within the draws' noise."""
    scores = np.random.default_rng(rows).normal(0, 1, rows)
    found = mean_intervals(scores[:, None], Draws(resamples=20_000))[0]
    low, high = stats.t.interval(0.95, rows - 1, loc=scores.mean(), scale=stats.sem(scores))
    assert found.high - found.low == pytest.approx(high - low, rel=0.12)


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (93, 100), (1, 2), (500, 1000)])
def test_a_share_has_wilsons_interval(hits: int, rows: int) -> None:
    reference = stats.binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    found = share_interval(hits, rows, 0.95)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-9)


def test_rows_that_all_agree_are_not_certain() -> None:
    assert share_interval(5, 5, 0.95).low < 0.6
    assert mean_intervals(np.ones((5, 1)), DRAWS, (0, 1))[0].low < 0.6
    nothing = paired_intervals(np.zeros((10, 1)), DRAWS, bounded=[True])[0]
    assert nothing.low < -0.2
    assert nothing.high > 0.2
    assert paired_intervals(np.zeros((2000, 1)), DRAWS, bounded=[True])[0].high < 0.01


@pytest.mark.parametrize(("plus", "minus"), [(3, 0), (5, 0), (6, 0), (9, 1), (9, 3), (12, 4), (19, 8), (40, 20)])
def test_right_and_wrong_differ_only_where_mcnemars_exact_test_says_so(plus: int, minus: int) -> None:
    rows = column([1.0] * plus + [-1.0] * minus + [0.0] * 100)
    found = paired_intervals(rows, DRAWS, bounded=[True])[0]
    if found.low > 0:
        assert stats.binomtest(plus, plus + minus).pvalue <= 0.05
    if stats.binomtest(plus, plus + minus).pvalue > 0.05:
        assert found.low <= 0


def test_a_few_rows_that_differ_by_a_little_tell_nothing() -> None:
    rows = column([0.2, 0.21, 0.19, 0.2, 0.2])
    assert mean_intervals(rows, DRAWS)[0].low > 0, "the bootstrap alone would claim it"
    assert paired_intervals(rows, DRAWS, bounded=[True])[0].low <= 0


def test_draws_are_the_same_each_time_and_differ_by_seed() -> None:
    scores = np.random.default_rng(1).random((50, 2))
    assert np.array_equal(resampled_sums(scores, FEW), resampled_sums(scores, FEW))
    assert not np.array_equal(resampled_sums(scores, FEW), resampled_sums(scores, Draws(seed=8, resamples=1_000)))
    assert resampled_sums(np.ones((50, 1)), FEW) == pytest.approx(50.0)


def test_more_rows_than_are_kept_give_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(1).random((40, 1))
    kept = mean_intervals(scores, FEW)
    monkeypatch.setattr("service.evaluate.statistics._MOST_KEPT", 0)
    assert mean_intervals(scores, FEW) == kept


def test_a_corpus_score_has_an_interval_and_equal_answers_no_difference() -> None:
    bleu = CORPUS["bleu"]
    right = [f"the desk on floor {i} opens at {i % 7 + 1} every day" for i in range(30)]
    wrong = [one.replace("every day", "on most days") if i % 3 else one for i, one in enumerate(right)]
    best, worse = (np.array(bleu.statistics(texts, right), dtype=float) for texts in (right, wrong))
    found = corpus_interval(worse, bleu.score, FEW)
    assert found.low < found.value < found.high < 100
    assert corpus_difference(best, worse, bleu.score, FEW).low > 0
    same = corpus_difference(worse, worse, bleu.score, FEW)
    assert same.low < -10 < 0 == same.value
    assert corpus_interval(best[:5], bleu.score, FEW).low < 60, "five right answers are not certain"


def test_rows_needed_and_what_can_be_detected() -> None:
    found = share_interval(37, 40, 0.95)
    needed = rows_to_tell(found, 40, 0.9)
    assert needed is not None
    more = share_interval(0.925 * needed, needed, 0.95)
    assert more.low == pytest.approx(0.9, abs=0.01)
    assert rows_to_tell(Interval(0.9, 0.8, 0.95), 40, 0.9) is None
    # two-sided 5 %, power 80 %, sd 0.5, 200 rows: 2.8016 x 0.5 / 14.142 (Cohen 1988, normal approximation)
    assert detectable(0.5, 200, 0.95) == pytest.approx(0.09905, abs=1e-4)


@pytest.mark.parametrize(
    ("low", "high", "better", "said"),
    [
        (0.01, 0.2, "higher", "better"), (0.01, 0.2, "lower", "worse"), (-0.2, -0.01, "higher", "worse"),
        (-0.2, -0.01, "lower", "better"), (-0.01, 0.015, "higher", "equal-enough"),
        (-0.01, 0.05, "higher", "not-enough-rows"), (0.0, 0.05, "higher", "not-enough-rows"),
    ],
)  # fmt: skip
def test_verdicts(low: float, high: float, better: str, said: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high), better, 0.02) == said


@given(st.lists(UNIT, min_size=1, max_size=40))
def test_an_interval_holds_its_value_and_stays_in_bounds(values: list[float]) -> None:
    found = mean_intervals(column(values), FEW, (0.0, 1.0))[0]
    assert -1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9


@given(st.lists(UNIT, min_size=2, max_size=30))
def test_what_is_compared_with_itself_is_never_better(values: list[float]) -> None:
    nothing = column(values) - column(values)
    found = paired_intervals(nothing, FEW, bounded=[True])[0]
    assert verdict(found, "higher", 0.02) in {"equal-enough", "not-enough-rows"}


@given(st.lists(UNIT, min_size=8, max_size=20).filter(lambda values: np.std(values) > 0.05))
def test_more_of_the_same_rows_narrow_the_interval(values: list[float]) -> None:
    few = mean_intervals(column(values), FEW, (0, 1))[0]
    many = mean_intervals(column(values * 8), FEW, (0, 1))[0]
    assert many.high - many.low < few.high - few.low
