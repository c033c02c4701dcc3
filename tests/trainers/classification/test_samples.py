"""Rows become samples: which token carries a tag, what is too long, and which lines are refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainers.classification.evaluation import answered, measured
from trainers.classification.rows import IGNORED_TAG, LabelledText, TaggedWords
from trainers.classification.samples import make_samples, padded, text_sample, words_sample
from trainers.contract import TrainPlan, label_order
from trainers.labelling import Limits
from trainers.objectives import objective
from trainers.problems import TrainerError

WORDS = ["Unbelievably", "atlases", "x", "Mill-branch", "bread", "don't", "日本", "é", "C3PO"]
MakePlan = Callable[..., TrainPlan]


@pytest.fixture(scope="module")
def byte_level() -> Any:
    """Byte-level BPE, whose tokens may begin with the space before a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<pad>"],
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator([" ".join(WORDS)], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level"])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
def test_every_word_is_tagged_once_on_its_own_first_token(
    kind: str, words: list[str], request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(kind)
    tags = list(range(len(words)))
    sample = words_sample(tokenizer, TaggedWords(1, words, tags), types=False)
    assert [sample.labels[place] for place in sample.places] == tags
    assert sample.labelled == len(words)
    text = " ".join(words)
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    start = 0
    for word, place in zip(words, sample.places, strict=True):
        left, right = offsets[place]
        # it covers the word's first letter, and no token before it does
        assert left <= start < right
        assert all(right <= start for _, right in offsets[:place])
        start += len(word) + 1


def test_a_word_without_a_token_counts_as_not_found(wordpiece: Any) -> None:
    row = TaggedWords(1, ["bread", "\u200b", "book"], [0, 1, 2])  # a zero-width space leaves nothing to read
    sample = words_sample(wordpiece, row, types=False)
    assert sample.places[1] == -1
    made = make_samples([row], partial(words_sample, wordpiece, types=False), Limits(), file="data")
    assert made.use["unplaced_words"] == 1
    import numpy as np

    logits = np.zeros((len(sample.input_ids), 4))
    logits[sample.places[0], 0] = logits[sample.places[2], 2] = 1
    assert answered(sample, logits, ["B-A", "I-A", "B-B", "O"]) == [0, 3, 2]
    assert measured([sample], [logits], ["B-A", "I-A", "B-B", "O"])["token_accuracy"] == 2 / 3


@pytest.mark.parametrize("overlong", ["drop", "cut", "refuse"])
def test_rows_that_are_too_long_are_counted_or_refused_with_their_lines(wordpiece: Any, overlong: Any) -> None:
    rows = [TaggedWords(n, ["bread"] * length, [0] * length) for n, length in ((3, 2), (5, 30), (9, 40))]
    encode = partial(words_sample, wordpiece, types=False)
    if overlong == "refuse":
        with pytest.raises(TrainerError, match=r"limit 10 tokens.*lines 5, 9 too long") as error:
            make_samples(rows, encode, Limits(10, "refuse"), file="data")
        assert "overlong drop or cut" in error.value.failure.remedy
        return
    made = make_samples(rows, encode, Limits(10, overlong), file="data")
    assert made.use["rows"] == 3
    assert [row.line for row in made.rows] == ([3] if overlong == "drop" else [3, 5, 9])
    if overlong == "drop":
        assert made.use["dropped_overlong_samples"] == 2
        return
    cut = made.samples[1]
    assert len(cut.input_ids) == 10
    assert cut.input_ids[-1] == wordpiece.sep_token_id
    assert made.use["cut_samples"] == 2
    assert made.use["cut_words"] == cut.places.count(-1) + made.samples[2].places.count(-1) > 0
    assert made.use["unplaced_words"] == 0
    assert any("words were cut away" in note for note in made.notes)


def test_pairs_are_told_apart_and_padded(wordpiece: Any) -> None:
    pair = text_sample(wordpiece, LabelledText(1, "bread book", "star map", 2), types=True)
    alone = text_sample(wordpiece, LabelledText(2, "bread", None, 1), types=True)
    assert pair.token_type_ids is not None
    assert set(pair.token_type_ids) == {0, 1}
    batch = padded([pair, alone], wordpiece.pad_token_id)
    assert batch["labels"].tolist() == [2, 1]
    assert batch["attention_mask"].sum(1).tolist() == [len(pair.input_ids), len(alone.input_ids)]
    assert batch["token_type_ids"][1].sum() == 0


@pytest.mark.parametrize(
    ("task", "rows", "said"),
    [
        ("text-classification", [{"text1": "a", "label": "fines"}, {"text1": " ", "label": "fines"}], "line 2 without"),
        ("text-classification", [{"text1": "a", "label": "rockets"}], "line 1 with a label that the plan"),
        ("text-classification", [{"text1": "a", "label": ["fines"]}], "cannot read line 1"),
        ("token-classification", [{"tokens": ["a", "b"], "ner_tags": ["O"]}], "another number of tags"),
        ("token-classification", [{"tokens": ["a"], "ner_tags": ["B-ROCKET"]}], "line 1 with a tag that the plan"),
        ("token-classification", [{"tokens": ["a"], "ner_tags": [1.5]}], "names or whole numbers"),
        ("token-classification", [{"tokens": ["a"]}], "names or whole numbers"),
        ("token-classification", [{"tokens": ["a"], "tags": [-100]}], "line 1 without a labelled token"),
    ],
)
def test_rows_that_cannot_be_trained_are_refused_by_line_without_a_word_of_them(
    task: Any, rows: list[Any], said: str, make_plan: MakePlan, wordpiece: Any
) -> None:
    plan = make_plan(task, rows)
    with pytest.raises(TrainerError) as error:
        objective(plan).training(plan, wordpiece)
    assert said in error.value.failure.detail
    assert "rocket" not in error.value.failure.detail.lower()


def test_labels_have_one_order() -> None:
    assert label_order(["b", "a", "B", "a"]) == ["B", "a", "b"]
    assert label_order([10, 9, 1]) == ["1", "9", "10"]
    assert label_order([True, False]) == ["false", "true"]


def test_the_longest_sample_of_roberta_is_what_its_positions_hold(
    make_encoder: Callable[..., Path], make_plan: MakePlan, wordpiece: Any
) -> None:
    from trainers.classification.model import encoder_facts

    for architecture, wanted in (("RobertaForMaskedLM", 38), ("BertForMaskedLM", 40)):
        folder = make_encoder(architecture, pad_token_id=1)
        facts = encoder_facts(make_plan("text-classification", model=str(folder)), wordpiece)
        assert facts.context == wanted
    assert IGNORED_TAG == -100
