"""Effects against their definitions written out, and intervals that keep what they promise."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from scipy.stats import ks_2samp

from service.evaluate.drift.effects import Draws, auc, deciles, holm, ks, psi, share_difference

DRAWS = Draws(confidence=0.95, resamples=1_000, seed=3)


def test_the_index_is_that_of_its_definition() -> None:
    # shares with half a row more in each of two categories: (80.5, 20.5) / 101 and (50.5, 50.5) / 101
    p, q = (80.5 / 101, 20.5 / 101), (0.5, 0.5)
    expected = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    found = psi([80, 20], [50, 50], DRAWS)
    assert found.value == pytest.approx(expected)
    assert 0 <= found.low < expected < found.high
    assert psi([800, 200], [500, 500], DRAWS).low > 0.25
    assert found.p_value is not None
    assert found.p_value < 1e-4


def test_the_distance_is_that_of_the_cumulative_distributions() -> None:
    before, after = {1: 50, 2: 30, 9: 20}, {1: 20, 2: 30, 9: 50}
    found = ks(before, after, DRAWS)
    assert found.value == pytest.approx(0.3)
    assert found.low < 0.3 <= found.high


@pytest.mark.parametrize("rows", [(60, 80), (900, 30_000)])
def test_histograms_give_what_scipy_gives_of_every_row(rows: tuple[int, int]) -> None:
    chance = random.Random(5)
    sides = [[round(chance.gauss(mean, 9)) for _ in range(count)] for mean, count in zip((50, 52), rows, strict=True)]
    found = ks(*map(Counter, sides), DRAWS)
    expected = ks_2samp(*sides, method="asymp")
    assert (found.value, found.p_value) == (float(expected.statistic), float(expected.pvalue))


def test_rows_that_are_all_alike_are_no_certainty() -> None:
    for rows, most in ((50, 0.2), (5_000, 0.002)):
        assert 0 < ks({7: rows}, {7: rows}, DRAWS).high < most
        assert 0 < psi([rows], [rows], DRAWS).high < 4 * most


def test_the_tenths_are_the_baselines() -> None:
    before, after = Counter(range(1_000)), Counter(range(500, 1_500))
    assert deciles(before, after) == ([100] * 10, [0] * 5 + [100] * 4 + [600])


@pytest.mark.parametrize(("shift", "value"), [(0.0, 0.5), (100.0, 1.0)])
def test_the_area_under_the_curve(shift: float, value: float) -> None:
    chance = random.Random(1)
    before = [chance.random() for _ in range(400)]
    found = auc(before, [one + shift for one in before], DRAWS)
    assert found.value == pytest.approx(value)
    assert found.low < value
    assert found.low <= found.value <= found.high


def test_shares_that_do_not_differ_begin_at_nothing() -> None:
    found = share_difference((10, 100), (12, 110), DRAWS)
    assert (found.low, found.p_value) == (0.0, pytest.approx(0.83, abs=0.01))
    assert share_difference((1, 200), (60, 200), DRAWS).low > 0.2


def test_holms_adjustment_by_hand() -> None:
    assert holm([0.04, None, 0.01, 0.03]) == pytest.approx([0.06, None, 0.03, 0.06])


@pytest.mark.parametrize("change", [0.0, 0.15])
def test_the_intervals_hold_what_is_true_as_often_as_they_say(change: float) -> None:
    """Of 200 pairs of samples at 95 %; fewer than 180 would come by chance less than once in a thousand runs."""
    held_ks = held_psi = 0
    shares = ([0.5, 0.3, 0.2], [0.5 - change, 0.3, 0.2 + change])
    true_psi = sum((b - a) * math.log(b / a) for a, b in zip(*shares, strict=True))
    for seed in range(200):
        chance = random.Random(seed)
        sides = [Counter(chance.choices(range(3), weights, k=600)) for weights in shares]
        draws = Draws(0.95, 400, seed)
        one, other = ks(*sides, draws), psi(*([side[at] for at in range(3)] for side in sides), draws)
        held_ks += one.low <= change <= one.high
        held_psi += other.low <= true_psi <= other.high
        assert one.low < max(0.1, change + 0.08)
    # where nothing changed the distance is at the end of its range, and the bootstrap a little sure of itself
    assert held_ks >= (180 if change else 160)
    assert held_psi >= 180
