"""Repetition, contradiction and leakage: the same whatever the buckets, and what the words say."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lint import overlap as room
from service.lint.overlap import Found, Keys, Overlap, overlap

# few values make many collisions; the high byte of a hash chooses the bucket
prompts = st.sampled_from([0, 1, 2, 1 << 63, (1 << 63) + 1, 0x0A << 56])
answers = st.sampled_from([0, 1, 1 << 31, 0x5C << 24])
lines = st.lists(st.tuples(prompts, answers, st.integers(0, 3)), max_size=30)


def keys_of(rows: list[tuple[int, int, int]], training: int, *, two: bool) -> Keys:
    return Keys(
        array("Q", [prompt for prompt, _, _ in rows]),
        array("I", [answer for _, answer, _ in rows]),
        array("I", [other for _, _, other in rows] if two else []),
        min(training, len(rows)),
    )


def by_definition(keys: Keys, most: int) -> Overlap:
    """Every pair of lines, looked at."""
    rows = list(zip(keys.prompts, keys.answers, keys.others or [0] * len(keys.prompts), strict=True))
    found: dict[str, list[tuple[int, int]]] = {
        kind: [] for kind in ("duplicates", "conflicts", "swapped", "same_rows", "same_prompts")
    }
    for line, (prompt, answer, other) in enumerate(rows):
        before = [i for i in range(min(line, keys.training)) if prompt and rows[i][0] == prompt]
        same = [i for i in before if rows[i] == rows[line]]
        asked = [i for i in before if answer and rows[i][1]]
        training = line < keys.training
        if same:
            found["duplicates" if training else "same_rows"].append((line, same[0]))
        elif asked and not training:
            found["same_prompts"].append((line, asked[0]))
        elif asked and not other and rows[asked[0]][1] != answer:
            found["conflicts"].append((line, asked[0]))
        opposite = [i for i in before if other and answer and other != answer and rows[i][1:] == (other, answer)]
        if training and opposite:
            found["swapped"].append((line, opposite[0]))
    said = [answer for _, answer, _ in rows[: keys.training] if answer]
    return Overlap(
        **{kind: Found(sorted(pairs)[: most or None], len(pairs)) for kind, pairs in found.items()},
        most_common_answer=max((said.count(answer) for answer in said), default=0),
    )


@given(lines, st.integers(0, 30), st.sampled_from([0, 1, 3]), st.booleans(), st.sampled_from([0, 50_000]))
@settings(max_examples=400)
def test_it_is_what_all_pairs_say_whatever_the_buckets(
    rows: list[tuple[int, int, int]], training: int, most: int, two: bool, few: int
) -> None:
    keys = keys_of(rows, training, two=two)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_FEW", few)
        assert overlap(keys, most) == by_definition(keys, most)


def test_many_lines_fall_into_many_buckets() -> None:
    step = (1 << 64) // 200_000
    rows = [(step * (line % 150_000) or 1, 1 + line // 150_000, 0) for line in range(200_000)]
    found = overlap(keys_of(rows, 200_000, two=False), 20)
    assert (found.duplicates.total, found.conflicts.total, found.most_common_answer) == (0, 50_000, 150_000)
    assert found.conflicts.pairs == [(150_000 + line, line) for line in range(20)]
