"""Rules about a whole corpus, each at and beyond its threshold, from the facts that a tally gives."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.lint.catalogue import all_checks
from service.lint.check import CorpusFacts, Pairs

NOTHING = CorpusFacts(
    rows=40, valid=40, shapes={"chat": 40}, duplicates=Pairs(), conflicts=Pairs(), swapped=Pairs(), without_system=0,
    limits={},
)  # fmt: skip


def told(code: str, **facts: Any) -> list[str]:
    (check,) = [one for one in all_checks() if one.code == code]
    return [hit.message for hit in check.find(msgspec.structs.replace(NOTHING, **facts))]


@pytest.mark.parametrize(
    ("lengths", "outliers"),
    [
        ({40: 30, 4_000: 1}, "1 of 31 rows: median 40 tokens, these from 4000 to 4000"),
        ({40: 15, 42: 15, 2: 2, 900: 1}, "3 of 33 rows: median 40 tokens, these from 2 to 900"),
        ({40: 30, 150: 1}, None),
        ({40: 18, 4_000: 1}, None),
        # spread over orders of magnitude, nothing lies outside
        ({2**n: 4 for n in range(3, 13)}, None),
        ({0: 30}, None),
        ({}, None),
    ],
)
def test_lengths_far_from_the_others_are_told(lengths: dict[int, int], outliers: str | None) -> None:
    assert told("L014", lengths=lengths) == ([outliers] if outliers else [])


@pytest.mark.parametrize(
    ("facts", "count"),
    [
        ({"common_affixes": (8, 0)}, 1),
        ({"common_affixes": (20, 9)}, 2),
        ({"common_affixes": (7, 7)}, 0),
        ({"common_affixes": (20, 9), "answers": 9}, 0),
        # Q004 speaks of answers that are all the same
        ({"common_affixes": (20, 20), "most_common_answer": 40}, 0),
    ],
)
def test_a_common_start_or_end_of_all_answers_is_told(facts: dict[str, Any], count: int) -> None:
    assert len(told("Q005", **{"answers": 40, "most_common_answer": 1, **facts})) == count


@pytest.mark.parametrize(("code", "fact"), [("Q012", "system_heavy"), ("T026", "tool_sets")])
def test_a_count_is_told_when_there_is_one(code: str, fact: str) -> None:
    assert told(code) == []
    assert told(code, **{fact: 3})[0].count("3") == 1
