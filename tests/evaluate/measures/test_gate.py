"""A tuned model against the one before: better passes; worse, equal, unsure, silent and forgetful fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluate.before_after import ROW_LOSS, compare
from service.evaluate.gate import gate
from service.evaluate.measuring import Side
from service.evaluate.scores import Scores
from service.evaluate.statistics import Draws, paired_intervals
from service.records.manifest import Comparison

DRAWS = Draws(seed=3, resamples=1_000)
Columns = dict[str, list[float | None]]
ROWS = 40
LOSSES: list[float | None] = [2.0 + 0.1 * (n % 7) for n in range(ROWS)]


def held(before: Columns, after: Columns, measure: str = ROW_LOSS) -> Comparison:
    return compare(before, after, measure=measure, model="m", margin=0.02, draws=DRAWS)


def less(column: list[float | None], by: float) -> list[float | None]:
    """Rows that vary, as real ones do."""
    return [None if one is None else one - by * (0.5 + (n % 5) / 4) for n, one in enumerate(column)]


def test_a_lower_loss_passes_with_the_difference_by_hand() -> None:
    after = less(LOSSES, 0.5)
    found = held({ROW_LOSS: LOSSES}, {ROW_LOSS: after})
    (one,) = found.differences
    pairs = np.array([[new - old] for new, old in zip(after, LOSSES, strict=True)])  # type: ignore[operator]
    interval = paired_intervals(pairs, DRAWS, bounded=[False])[0]
    assert (found.gate, one.verdict, one.rows, one.variant, one.than_variant) == (
        "passed", "better", ROWS, "after", "before",
    )  # fmt: skip
    assert one.difference == pytest.approx(pairs.mean())
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high), abs=1e-6)
    assert found.before[ROW_LOSS].value == pytest.approx(np.mean(LOSSES))  # type: ignore[arg-type]
    shown = found.after[ROW_LOSS]
    assert shown.low is not None
    assert shown.high is not None
    assert shown.low < np.mean(after) < shown.high  # type: ignore[arg-type]
    assert found.settings == {"seed": 3, "resamples": 1_000, "confidence": 0.95, "margin": 0.02}
    assert "row_loss -0.5" in found.why


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (LOSSES, less(LOSSES, -0.5), "is worse"),
        (LOSSES, LOSSES, "is no better"),
        (LOSSES, less(LOSSES, 1e-9), "is no better"),
        ([2.0, 1.0] * 20, [1.0, 2.0] * 20, "is not shown to be better"),
        # a model that broke on a row: its loss is no number there
        (LOSSES, [math.nan, *less(LOSSES[1:], 0.5)], "no answer to 1 row(s)"),
        (LOSSES, [math.inf] * ROWS, "No row has row_loss of both"),
        ([], [], "No row has row_loss of both"),
    ],
)
def test_whatever_is_not_better_fails_and_says_how(
    before: list[float | None], after: list[float | None], said: str
) -> None:
    found = held({ROW_LOSS: before}, {ROW_LOSS: after})
    assert found.gate == "failed"
    assert said in found.why


def test_rows_so_few_that_nothing_could_show_it_leave_the_gate_open() -> None:
    found = held({ROW_LOSS: LOSSES[:3]}, {ROW_LOSS: less(LOSSES[:3], 0.5)})
    assert found.gate is None
    assert "Fewer than 6 rows can never show it." in found.why
    lost = held({ROW_LOSS: LOSSES[:6]}, {ROW_LOSS: [*less(LOSSES[:5], 0.5), math.nan]})
    assert lost.gate == "failed"


def test_answers_that_got_worse_fail_it_whatever_the_loss_gained_but_not_forced_tokens() -> None:
    losses = (LOSSES, less(LOSSES, 0.5))
    right: list[float | None] = [1.0] * 30 + [0.0] * 10
    wrong: list[float | None] = [0.0] * 20 + [1.0] * 10 + [0.0] * 10
    for name, gate_ in (("exact_match", "failed"), ("check polite", "failed"), ("token_accuracy", "passed")):
        found = held({ROW_LOSS: losses[0], name: right}, {ROW_LOSS: losses[1], name: wrong})
        assert found.gate == gate_, name
        verdicts = {one.measure: (one.verdict, one.difference) for one in found.differences}
        assert verdicts == {ROW_LOSS: ("better", pytest.approx(-0.5)), name: ("worse", -0.5)}
        assert ("Something was forgotten" in found.why) == (gate_ == "failed")


def test_a_classifier_is_judged_by_its_accuracy() -> None:
    before: Columns = {"accuracy": [0.0] * 15 + [1.0] * 5, ROW_LOSS: [0.5] * 20}
    after: Columns = {"accuracy": [1.0] * 18 + [0.0] * 2, ROW_LOSS: [0.9] * 20}
    assert held(before, after, "accuracy").gate == "passed"
    # two rows that are no longer answered do not outweigh what was gained, eighteen do
    assert held(before, after | {"accuracy": [None, None, *after["accuracy"][2:]]}, "accuracy").gate == "passed"
    few = [*([None] * 12), *after["accuracy"][12:]]
    assert held(before, after | {"accuracy": few}, "accuracy").gate == "failed"


@given(st.lists(st.floats(0, 10, width=32), min_size=1, max_size=30), st.floats(-1, 1))
def test_nothing_is_better_than_itself_and_no_two_are_better_than_one_another(losses: list[float], by: float) -> None:
    columns: list[list[float | None]] = [list(losses), less(list(losses), by)]
    same, there, back = (held({ROW_LOSS: columns[a]}, {ROW_LOSS: columns[b]}) for a, b in ((0, 0), (0, 1), (1, 0)))
    assert same.gate == "failed"
    assert "passed" not in {there.gate, back.gate} or there.gate != back.gate


def side(exact: list[float], regression: list[float]) -> Side:
    rows = {"exact_match": dict(enumerate(exact)), "regression.exact_match": dict(enumerate(regression, 100))}
    return Side(variant="v", model="m", scores=Scores(rows=rows, corpus={}, nodes={}, missing={}, unjudged={}))


def test_an_evaluation_s_gate_looks_at_what_was_forgotten() -> None:
    base = side([0.0] * 20, [1.0] * 20)
    settings = {"measure": "exact_match", "draws": DRAWS, "margin": 0.02}
    assert gate(base, side([1.0] * 20, [1.0] * 20), **settings).state == "passed"  # type: ignore[arg-type]
    lost = gate(base, side([1.0] * 20, [0.0] * 20), **settings)  # type: ignore[arg-type]
    assert (lost.state, "Something was forgotten: regression.exact_match -1.000" in lost.why) == ("failed", True)
    assert gate(base, base, **settings).state == "failed"  # type: ignore[arg-type]
