"""Repetition, contradiction and leakage: two implementations, one law."""

from __future__ import annotations

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from service.lint.overlap import Keys, by_dictionaries, by_sorting

# few values make many collisions; the high bits of prompts choose the bucket
prompts = st.sampled_from([0, 1, 2, 3, 1 << 63, (1 << 63) + 1])
lines = st.lists(st.tuples(prompts, st.integers(0, 3), st.integers(0, 3)), max_size=40)


@given(lines, st.integers(0, 40), st.sampled_from([0, 1, 3]), st.booleans())
@settings(max_examples=400)
def test_both_ways_find_the_same(rows: list[tuple[int, int, int]], training: int, most: int, two: bool) -> None:
    others = [other for _, _, other in rows] if two else []
    keys = Keys(
        array("Q", [prompt for prompt, _, _ in rows]),
        array("I", [answer for _, answer, _ in rows]),
        array("I", others),
        min(training, len(rows)),
    )
    assert by_sorting(keys, most) == by_dictionaries(keys, most)


def test_many_lines_fall_into_many_buckets() -> None:
    step = (1 << 64) // 200_000
    rows = [step * (line % 150_000) or 1 for line in range(200_000)]
    keys = Keys(array("Q", rows), array("I", [1 + line // 150_000 % 2 for line in range(200_000)]), array("I"), 200_000)
    found = by_sorting(keys, 20)
    assert found == by_dictionaries(keys, 20)
    assert (found.duplicates.total, found.conflicts.total) == (0, 50_000)
    assert found.conflicts.pairs[0] == (150_000, 0)
