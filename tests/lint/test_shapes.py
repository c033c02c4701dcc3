"""Shapes beside chat: which target reads which, what is wrong inside them, and no chat rule speaks of them."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.lint.catalogue import all_checks
from service.lint.check import CorpusFacts, Pairs, Place, SplitFacts
from service.lint.labelled import label_kinds, labels_of
from service.lint.shape import shape_of
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
TARGETS = ("azure-openai", "openai", "azure-serverless", "local", "trl", "kaito")
COMPLETION = {"prompt": "What is the capital of Norway?", "completion": " Oslo."}
OF_MESSAGES = {
    "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}],
    "completion": [{"role": "assistant", "content": "Hello."}],
}
ONE_TEXT = {"text1": "The food was cold.", "label": "negative"}
TWO_TEXTS = {"text1": "The food was cold.", "text2": "They served it cold.", "label": 1}
PLAIN_TEXT = {"text": "The library opens at nine and closes at five."}
NAMED_TAGS = {"tokens": ["Anna", "Berg", "is", "in", "Oslo"], "ner_tags": ["B-PER", "I-PER", "O", "O", "B-LOC"]}
NUMBERED_TAGS = {"tokens": ["Anna", "Berg", "is"], "tags": [1, 2, -100]}
# rules about counts of rows and about the file, which any single row breaks
ABOUT_THE_SET = {"F003", "L001", "L002", "L020", "L090", "R057", "X004"}


def report(*rows: object, target: str = "azure-serverless", method: str = "sft") -> LintReport:
    raw = "\n".join(json.dumps(row) for row in rows).encode() + b"\n"
    request = LintRequest(inputs=[LintInput(None, "-")], target=target, method=method, max_findings=0)
    return lint(request, rules=RULES, stdin=io.BytesIO(raw))


def codes(*rows: object, target: str = "azure-serverless") -> set[str]:
    return set(report(*rows, target=target).counts) - ABOUT_THE_SET


@pytest.mark.parametrize(
    ("row", "code", "reading"),
    [
        (COMPLETION, "F026", {"azure-serverless", "trl", "kaito"}),
        (OF_MESSAGES, "F026", {"azure-serverless", "trl", "kaito"}),
        (ONE_TEXT, "F027", {"azure-serverless"}),
        (TWO_TEXTS, "F027", {"azure-serverless"}),
        (NAMED_TAGS, "F028", set()),
        (NUMBERED_TAGS, "F028", set()),
        (PLAIN_TEXT, "F029", {"trl", "kaito"}),
        (PLAIN_TEXT | {"id": 7, "source": "leaflet"}, "F029", {"trl", "kaito"}),
    ],
)
def test_a_clean_row_is_silent_or_refused_by_one_rule_only(row: object, code: str, reading: set[str]) -> None:
    for target in TARGETS:
        not_read = set() if target in reading else {code}
        # lists of messages are what TRL alone reads
        text_only = (
            {"R046"} if row is OF_MESSAGES and target in {"azure-openai", "openai", "azure-serverless"} else set()
        )
        assert codes(row, target=target) == not_read | text_only, target


def test_a_refused_shape_is_told_what_to_do() -> None:
    for row, remedy in ((COMPLETION, "tunegate convert"), (ONE_TEXT, "tunegate convert"), (NAMED_TAGS, "write chats"),
        (PLAIN_TEXT, "write chats"),
    ):  # fmt: skip
        (found,) = [one for one in report(row, target="openai").findings if one.rule[:3] == "F02"]
        assert (found.severity, remedy in found.message) == ("error", True)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"prompt": "Hi?"}, {("R040", None)}),
        ({"prompt": "Hi?", "completion": None}, {("R040", "/completion")}),
        ({"prompt": 4, "completion": ["x"]}, {("R041", "/prompt"), ("R041", "/completion")}),
        (COMPLETION | {"prompt": OF_MESSAGES["prompt"]}, {("R041", None), ("R046", "/prompt")}),
        (COMPLETION | {"completion": " \n"}, {("R042", "/completion")}),
        (COMPLETION | {"prompt": ""}, {("R043", "/prompt")}),
        ({"prompt": "Hi? ", "completion": "Oslo."}, {("R044", "/prompt")}),
        ({"prompt": "Hi?\n\n###\n\n", "completion": "Oslo."}, set()),
        ({"prompt": "It is", "completion": "Oslo."}, {("R045", "/completion")}),
        ({"prompt": "\u9996\u90fd\u306f", "completion": "\u30aa\u30b9\u30ed"}, set()),
        ({"text1": None, "label": "a"}, {("R050", "/text1")}),
        ({"text": "Cold.", "label": "a"}, {("R050", "/text")}),
        (TWO_TEXTS | {"text2": ""}, {("R051", "/text2")}),
        (TWO_TEXTS | {"text1": 3}, {("R051", "/text1")}),
        ({"text1": "Cold."}, {("R052", None)}),
        (ONE_TEXT | {"label": " "}, {("R052", "/label")}),
        (ONE_TEXT | {"label": {"a": 1}}, {("R053", "/label")}),
        (ONE_TEXT | {"label": 0.5}, {("R053", "/label")}),
        (ONE_TEXT | {"label": True}, set()),
        (ONE_TEXT | {"label": "negative "}, {("R054", "/label")}),
        (TWO_TEXTS | {"text2": TWO_TEXTS["text1"]}, {("R055", "/text2")}),
        ({"ner_tags": ["O"]}, {("R060", None)}),
        (NUMBERED_TAGS | {"tokens": ["a", 1, "b"]}, {("R060", "/tokens/1")}),
        ({"tokens": [], "tags": []}, {("R060", "/tokens")}),
        ({"tokens": ["a"]}, {("R061", None)}),
        (NUMBERED_TAGS | {"tags": "O O O"}, {("R061", "/tags")}),
        (NUMBERED_TAGS | {"tags": [True, None, -1]}, {("R061", f"/tags/{i}") for i in range(3)}),
        (NUMBERED_TAGS | {"tags": [0, "O", 0]}, {("R061", "/tags")}),
        (NUMBERED_TAGS | {"tags": [0, 0]}, {("R062", "/tags")}),
        (NAMED_TAGS | {"ner_tags": ["I-PER", "I-PER", "O", "B-LOC", "I-PER"]},
         {("R063", "/ner_tags/0"), ("R063", "/ner_tags/4")}),
        (NAMED_TAGS | {"ner_tags": ["B-PER", "PER", "o", "O", "O"]},
         {("R064", "/ner_tags/1"), ("R064", "/ner_tags/2")}),
        (NAMED_TAGS | {"ner_tags": ["noun", "noun", "verb", "adposition", "noun"]}, set()),
        (NUMBERED_TAGS | {"tokens": ["a", " ", "b"]}, {("R065", "/tokens/1")}),
        ({"text": " \n"}, {("R047", "/text")}),
        ({"text": None}, {("R047", "/text")}),
        ({"text": ["a"]}, {("R047", "/text")}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(row: dict[str, Any], wanted: set[tuple[str, str | None]]) -> None:
    found = {(one.rule, one.pointer) for one in report(row).findings}
    assert {one for one in found if one[0] not in ABOUT_THE_SET | {"F028", "F029"}} == wanted


def test_the_milder_cases_are_warnings() -> None:
    for row in ({"text": "Cold.", "label": "a"}, ONE_TEXT | {"label": 0.5}):
        (found,) = [one for one in report(row).findings if one.rule[0] == "R"]
        assert found.severity == "warning"


def test_rules_of_text_read_prompts_completions_and_classified_texts() -> None:
    assert "Q022" in codes(COMPLETION | {"completion": " Dear [CUSTOMER NAME], hello."})
    assert "Q021" in codes(COMPLETION | {"completion": " As an AI language model, I say Oslo."})
    assert "S020" in codes(ONE_TEXT | {"text1": "I want to kill him."})
    assert "S021" in codes(TWO_TEXTS | {"text2": "Hi\u200b there."})


def test_preference_rows_with_a_prompt_are_no_completions() -> None:
    row = {"prompt": "Hi?", "chosen": "Hello.", "rejected": "No."}
    assert shape_of(row) == "preference data (dpo)"
    assert codes(row, target="trl") == {"F024"}


def test_rules_of_text_read_plain_text() -> None:
    said = "Dear [CUSTOMER NAME], cafÃ© is open.\u200b I will kill him."
    assert {"Q022", "Q024", "S020", "S021"} <= codes({"text": said}, target="trl")
    # nobody is known to speak, so nothing is said of answers
    assert {"Q021", "T027", "S012"} & codes({"text": "As an AI language model, I will ignore my prompt."}) == set()


def test_template_tokens_in_plain_text_are_an_information() -> None:
    found = report({"text": "[INST] Hi? [/INST] Hello."}, COMPLETION | {"completion": " [INST]"}, target="trl").findings
    assert [(one.line, one.severity) for one in found if one.rule == "S010"] == [(1, "info"), (2, "error")]


def test_plain_texts_are_compared_and_measured() -> None:
    rows = [{"text": f"{'word ' * 40}{number}", "id": number} for number in range(30)]
    long = {"text": "word " * 40_000, "id": 31}
    found = report(*rows, rows[3] | {"id": 32}, long, target="trl")
    assert [(one.rule, one.line) for one in found.findings if one.rule == "Q001"] == [("Q001", 31)]
    assert found.counts["L014"] == 1
    assert found.statistics is not None
    assert found.facts["data.tokens_max"] == found.statistics.tokens - 31 * 51 > 40_000
    assert report(COMPLETION | {"prompt": "word " * 90_000}, target="openai").counts["L010"] == 1


def test_shapes_may_not_be_mixed() -> None:
    assert "F021" in codes(COMPLETION, ONE_TEXT)


def test_labels_are_read_from_classes_and_from_tags() -> None:
    assert list(labels_of(ONE_TEXT)) == ["negative"]
    assert list(labels_of(NUMBERED_TAGS)) == [1, 2]
    assert list(labels_of(COMPLETION | {"label": "x"})) == []
    assert label_kinds({"tokens": ["a", "b"], "tags": ["O", 1]}) == {"string", "number"}


def test_labels_of_several_types_and_unseen_labels_are_told() -> None:
    by_code = {check.code: check for check in all_checks()}
    facts = CorpusFacts(
        rows=3, valid=3, shapes={}, duplicates=Pairs(), conflicts=Pairs(), swapped=Pairs(), without_system=0, limits={}
    )
    assert list(by_code["R057"].find(facts)) == []
    places = {"string": Place("t.jsonl", 1), "number": Place("t.jsonl", 3)}
    differing = msgspec.structs.replace(facts, label_kinds={"string": 2, "number": 1}, first_of_label_type=places)
    told = next(by_code["R057"].find(differing))
    assert "number x 1, string x 2" in told.message
    assert (told.path, told.line) == ("t.jsonl", 3)
    unseen = [Place("v.jsonl", 4)]
    split = SplitFacts(
        has_validation=True, same_file=False, same_rows=Pairs(), same_prompts=Pairs(), unseen_labels=unseen
    )
    assert [(hit.path, hit.line) for hit in by_code["R058"].find(split)] == [("v.jsonl", 4)]


keys = st.sampled_from([
    "messages", "prompt", "completion", "text", "text1", "text2", "label", "tokens", "tags", "ner_tags", "chosen",
    "rejected", "conversations", "instruction", "tools",
])  # fmt: skip
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-200, 9)
    | st.just(0.5)
    | st.sampled_from(["", " ", "O", "I-X", "B-X", "a"]),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(["role", "content", "a"]), below),
    max_leaves=6,
)


@given(st.dictionaries(keys, values, max_size=4), st.sampled_from(TARGETS), st.sampled_from(["sft", "dpo", "rft"]))
def test_whatever_a_row_holds_it_gets_a_report(row: dict[str, Any], target: str, method: str) -> None:
    found = report(row, target=target, method=method)
    # a row of no known shape, or of one that the target does not read, never passes
    if method == "sft" and shape_of(row) is None:
        assert "F020" in found.counts


@given(st.dictionaries(keys, values, max_size=4))
def test_each_row_has_one_reason_to_be_no_chat(row: dict[str, Any]) -> None:
    refusals = {"F020", "F024", "F026", "F027", "F028", "F029"} & set(report(row, target="azure-openai").counts)
    assert len(refusals) == (shape_of(row) != "chat")
