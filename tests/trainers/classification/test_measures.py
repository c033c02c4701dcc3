"""F1 of classes and of entities, by hand-counted cases and by laws that hold for any tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.classification.measures import class_measures, entity_measures, is_iob2, spans

TAGS = ["O", "B-A", "I-A", "B-B", "I-B"]
rows_of_tags = st.lists(st.lists(st.sampled_from(TAGS), min_size=1, max_size=8), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ("O O O", set()),
        ("B-A", {("A", 0, 1)}),
        ("B-A I-A O B-B", {("A", 0, 2), ("B", 3, 4)}),
        ("B-A B-A", {("A", 0, 1), ("A", 1, 2)}),
        # what begins with I- is no entity, and another kind ends the one before
        ("I-A I-A O", set()),
        ("O I-A B-A", {("A", 2, 3)}),
        ("B-A I-B I-B", {("A", 0, 1)}),
        ("B-A O I-A", {("A", 0, 1)}),
    ],
)
def test_entities_begin_with_b(tags: str, wanted: set[tuple[str, int, int]]) -> None:
    assert spans(tags.split()) == wanted


@given(st.lists(st.tuples(st.sampled_from(["", "A", "B", "New York"]), st.integers(1, 3))))
def test_written_entities_are_read_back(pieces: list[tuple[str, int]]) -> None:
    tags: list[str] = []
    wanted = set()
    for kind, length in pieces:
        if kind:
            wanted.add((kind, len(tags), len(tags) + length))
        tags += [f"B-{kind}", *[f"I-{kind}"] * (length - 1)] if kind else ["O"] * length
    assert spans(tags) == wanted


def test_an_entity_is_right_only_as_a_whole() -> None:
    gold = [["B-A", "I-A", "O", "B-B"], ["B-A", "O"]]
    said = [["B-A", "O", "O", "B-B"], ["B-A", "B-B"]]  # one cut short, two right, one too many
    found = entity_measures(gold, said)
    assert (found["entity_precision"], found["entity_recall"]) == (2 / 4, 2 / 3)
    assert found["entity_f1"] == pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3))
    assert found["entities"]["B"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}


@given(rows_of_tags)
def test_equal_tags_are_all_right(rows: list[list[str]]) -> None:
    found = entity_measures(rows, rows)
    assert found["entity_f1"] == (1.0 if any(spans(row) for row in rows) else 0.0)
    assert all(figures["f1"] == 1.0 for figures in found["entities"].values())


@given(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=12))
def test_precision_and_recall_change_places_with_gold_and_prediction(pairs: list[tuple[str, str]]) -> None:
    one, other = [left for left, _ in pairs], [right for _, right in pairs]
    there, back = entity_measures([one], [other]), entity_measures([other], [one])
    assert there["entity_precision"] == back["entity_recall"]
    assert there["entity_f1"] == back["entity_f1"]
    assert 0.0 <= there["entity_f1"] <= 1.0
    hits = len(spans(one) & spans(other))
    assert there["entity_recall"] == (hits / len(spans(one)) if spans(one) else 0.0)


def test_classes_by_hand() -> None:
    found = class_measures([0, 0, 0, 1, 2], [0, 0, 1, 1, 0], ["a", "b", "c", "never"])
    assert found["accuracy"] == 3 / 5
    assert found["labels"]["a"] == {"precision": 2 / 3, "recall": 2 / 3, "f1": pytest.approx(2 / 3), "support": 3}
    assert found["labels"]["b"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert found["labels"]["c"]["f1"] == 0.0
    assert "never" not in found["labels"]
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    # always "a": three of five right, F1 of a is 0.75 and of the two others 0
    assert (found["majority_accuracy"], found["majority_macro_f1"]) == (3 / 5, 0.75 / 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1))
def test_accuracy_counts_and_the_majority_is_what_it_says(pairs: list[tuple[int, int]]) -> None:
    gold, said = [one for one, _ in pairs], [other for _, other in pairs]
    found = class_measures(gold, said, list("abcd"))
    assert found["accuracy"] == sum(one == other for one, other in pairs) / len(pairs)
    most = max(set(gold), key=gold.count)
    always = class_measures(gold, [most] * len(gold), list("abcd"))
    assert (found["majority_accuracy"], found["majority_macro_f1"]) == (always["accuracy"], always["macro_f1"])


def test_which_names_mark_entities() -> None:
    assert is_iob2(["O", "B-PER", "I-PER"])
    assert not is_iob2(["O"])
    assert not is_iob2(["NOUN", "VERB"])
    assert not is_iob2(["0", "1", "2"])
    assert not is_iob2(["O", "B-PER", "E-PER"])
