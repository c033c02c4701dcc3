"""Labels under the documented shapes of well-known templates, read back as text by hand and by marked templates."""

from __future__ import annotations

import json
from typing import Any

import chat_templates as shapes
import pytest
from chat_templates import ARGUMENTS, TOOL, calling, tokenizer_with, turn
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trainers.chat_template import RefusedByTemplate, UnfitMessage, form_of, switch_thinking_off
from trainers.labels import IGNORED, LabelledRow, UnstableTemplate, label_row, label_samples, render

EOS = {"CHATML": "<|im_end|>", "LLAMA": "<|eot_id|>", "PHI": "<|endoftext|>", "MISTRAL": "</s>"}


def shape(name: str) -> Any:
    return tokenizer_with(getattr(shapes, name), eos=EOS.get(name, "<|im_end|>"))


def trained(tokenizer: Any, sample: LabelledRow) -> str:
    return str(tokenizer.decode([label for label in sample.labels if label != IGNORED]))


def trained_texts(name: str, messages: list[dict[str, Any]], tools: Any = None, stops: Any = ()) -> list[str]:
    tokenizer = shape(name)
    return [trained(tokenizer, sample) for sample in label_samples(tokenizer, messages, tools, stops=stops)]


TWO_TURNS = [turn("user", "U1"), turn("assistant", "A1"), turn("user", "U2"), turn("assistant", "A2")]
WITH_CALL = [turn("user", "U"), calling(), turn("tool", "R", tool_call_id="callabcde"), turn("assistant", "A")]
WRITTEN = json.dumps(ARGUMENTS)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("CHATML", ["A1<|im_end|>\nA2<|im_end|>\n"]),
        ("LLAMA", ["A1<|eot_id|>A2<|eot_id|>"]),
        ("MISTRAL", [" A1</s> A2</s>"]),
        ("PHI", ["A1<|end|>\n<|endoftext|>", "A2<|end|>\n<|endoftext|>"]),
        ("THINKING", ["<think></think>A1<|im_end|>\n", "<think></think>A2<|im_end|>\n"]),
        ("PARTS", ["A1<|im_end|>\nA2<|im_end|>\n"]),
    ],
)
def test_every_answer_is_trained_with_its_end(name: str, want: list[str]) -> None:
    assert trained_texts(name, TWO_TURNS) == want


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("CHATML", f'<tool_call>\n{{"name": "find", "arguments": {WRITTEN}}}\n</tool_call><|im_end|>\nA<|im_end|>\n'),
        ("LLAMA", f'{{"name": "find", "parameters": {WRITTEN}}}<|eot_id|>A<|eot_id|>'),
        ("MISTRAL", f'[TOOL_CALLS][{{"name": "find", "arguments": {WRITTEN}, "id": "callabcde"}}]</s> A</s>'),
    ],
)
@pytest.mark.parametrize("arguments", [WRITTEN, ARGUMENTS])
def test_calls_are_written_as_json_whichever_way_the_row_holds_them(name: str, want: str, arguments: Any) -> None:
    messages = [WITH_CALL[0], calling(arguments, content=None), *WITH_CALL[2:]]
    assert trained_texts(name, messages, [TOOL]) == [want]


def test_tools_stand_in_the_text_and_are_not_trained() -> None:
    tokenizer = shape("MISTRAL")
    (sample,) = label_samples(tokenizer, WITH_CALL, [TOOL])
    assert json.dumps(TOOL) in tokenizer.decode(sample.input_ids)
    assert json.dumps(TOOL) not in trained(tokenizer, sample)


def test_tools_that_move_to_the_last_question_make_one_sample_per_answer() -> None:
    assert trained_texts("MISTRAL", TWO_TURNS, [TOOL]) == [" A1</s>", " A2</s>"]


def test_each_expanded_sample_begins_as_the_model_is_prompted_and_keeps_weights() -> None:
    tokenizer = shape("THINKING")
    messages = [turn("user", "U1"), turn("assistant", "<think>a</think>A1"), turn("user", "U2"),
                turn("assistant", "A2", weight=0), turn("user", "U3"),
                turn("assistant", "<think>c</think>A3")]  # fmt: skip
    samples = label_samples(tokenizer, messages, None)
    assert [trained(tokenizer, one) for one in samples] == [
        "<think>a</think>A1<|im_end|>\n", "<think>c</think>A3<|im_end|>\n"
    ]  # fmt: skip
    for sample, index in zip(samples, (1, 5), strict=True):
        untrained = [token for token, label in zip(sample.input_ids, sample.labels, strict=True) if label == IGNORED]
        assert tokenizer.decode(untrained) == render(tokenizer, messages[:index], None, prompt=True)


def test_an_end_of_text_behind_the_end_of_turn_needs_no_expansion_once_the_model_stops_at_the_turn() -> None:
    tokenizer = shape("PHI")
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert trained_texts("PHI", TWO_TURNS, stops={end}) == ["A1<|end|>\nA2<|end|>\n<|endoftext|>"]


def test_an_answer_without_a_token_that_stops_is_counted() -> None:
    tokenizer = tokenizer_with(shapes.CHATML, eos="</s>")
    assert label_row(tokenizer, TWO_TURNS, None).unstopped == 2
    assert label_row(tokenizer, TWO_TURNS, None, stops={tokenizer.convert_tokens_to_ids("<|im_end|>")}).unstopped == 0


def test_an_answer_that_the_template_rewrites_is_counted() -> None:
    tokenizer = tokenizer_with(shapes.CHATML.replace("'\\n' + message['content']", "'\\n' + message['content'][:2]"))
    messages = [turn("user", "U"), turn("assistant", "A long answer")]
    assert label_row(tokenizer, messages, None).rewritten == 1


def test_a_prompt_that_opens_a_thought_is_cured_by_the_switch_alone() -> None:
    tokenizer = shape("PROMPTED_THOUGHT")
    with pytest.raises(UnstableTemplate):
        label_samples(tokenizer, TWO_TURNS, None)
    assert switch_thinking_off(tokenizer)
    assert [trained(tokenizer, one) for one in label_samples(tokenizer, TWO_TURNS, None)] == [
        "A1<|im_end|>\nA2<|im_end|>\n"
    ]
    assert not switch_thinking_off(shape("OPEN_THOUGHT"))


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([turn("user", [{"type": "image_url", "image_url": {"url": "x"}}]), turn("assistant", "A")], "other than text"),
        ([turn("user", "U"), calling("[1]")], "no JSON object"),
        ([turn("user", "U"), calling("{secret")], "no JSON object"),
        ([turn("user", "U"), {"role": "assistant", "tool_calls": [{"id": "secret"}]}], "malformed tool calls"),
        ([{"content": "secret"}, turn("assistant", "A")], "no role"),
    ],
)
def test_a_message_that_cannot_be_given_is_said_without_its_text(messages: list[Any], why: str) -> None:
    with pytest.raises(UnfitMessage, match=why) as raised:
        label_row(shape("CHATML"), messages, None)
    assert "secret" not in str(raised.value)


def test_calls_that_the_template_leaves_out_are_refused_and_not_trained_as_nothing() -> None:
    with pytest.raises(UnfitMessage, match="leaves out"):
        label_row(shape("PHI"), WITH_CALL, None)


def test_the_templates_own_words_are_given_and_the_rows_are_not() -> None:
    two_calls = calling()
    two_calls["tool_calls"] *= 2
    with pytest.raises(RefusedByTemplate, match=r"refused by the chat template \(one call per turn\)"):
        label_row(shape("LLAMA"), [turn("user", "U"), two_calls], None)
    quoting = tokenizer_with("{{ raise_exception(messages[0]['content']) }}")
    with pytest.raises(RefusedByTemplate) as raised:
        label_row(quoting, [turn("user", "quokka"), turn("assistant", "A")], None)
    assert str(raised.value) == "refused by the chat template"


def test_newer_and_older_names_of_roles_are_rendered_as_the_template_knows_them() -> None:
    tokenizer = shape("CHATML")
    old_call = {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": WRITTEN}}
    old = [
        turn("developer", "S"),
        turn("user", "U"),
        old_call,
        turn("function", "R", name="find"),
        turn("assistant", "A"),
    ]
    new = [turn("system", "S"), *WITH_CALL]
    assert render(tokenizer, old, [TOOL]) == render(tokenizer, new, [TOOL])


def test_lists_of_text_parts_are_the_text() -> None:
    parts = [turn("user", [{"type": "text", "text": "U"}, {"type": "text", "text": "1"}]), *TWO_TURNS[1:]]
    for name in ("CHATML", "PARTS"):
        assert render(shape(name), parts, None) == render(shape(name), TWO_TURNS, None)


def test_what_a_template_leaves_out_is_known() -> None:
    assert form_of(shape("MISTRAL"), with_tools=False).left_out == ("system messages",)
    assert form_of(shape("PHI"), with_tools=False).left_out == ("tool results", "tools")
    assert form_of(shape("CHATML"), with_tools=True).left_out == ()


texts = st.text(alphabet="ab c.\n'é猫🦊{", min_size=1, max_size=9)
turns = st.lists(st.tuples(texts, texts, st.sampled_from([0, 1, None])), min_size=1, max_size=5)


@given(turns, st.one_of(st.none(), texts))
@settings(max_examples=60, deadline=None)
def test_labels_are_those_of_a_template_that_marks_what_the_model_writes(turns: Any, system: str | None) -> None:
    messages = [turn("system", system)] if system else []
    for asked, answer, weight in turns:
        messages += [turn("user", asked), turn("assistant", answer, weight=weight)]
    tokenizer = shape("MARKED")
    # weight goes to the marks alone; ours must find the same tokens from a template that knows no weights
    marked = tokenizer.apply_chat_template(
        [{**one, "weight": 1 if one.get("weight") is None else one["weight"]} for one in messages],
        tokenize=True, return_dict=True, return_assistant_tokens_mask=True,
    )  # fmt: skip
    row = label_row(tokenizer, messages, None)
    assert row.input_ids == marked["input_ids"]
    assume(row.straddling == 0)
    assert [label != IGNORED for label in row.labels] == [bool(mark) for mark in marked["assistant_masks"]]


@given(turns, st.sampled_from(["CHATML", "LLAMA", "MISTRAL", "PHI", "THINKING"]))
@settings(max_examples=60, deadline=None)
def test_every_weighted_answer_is_trained_once_and_nothing_else_is(turns: Any, name: str) -> None:
    messages = [one for asked, answer, weight in turns
                for one in (turn("user", asked), turn("assistant", answer, weight=weight))]  # fmt: skip
    tokenizer = shape(name)
    samples = label_samples(tokenizer, messages, None)
    assume(not any(one.straddling for one in samples))
    seen = "".join(trained(tokenizer, sample) for sample in samples)
    for marker in ("<|im_end|>\n", "<|eot_id|>", "</s>", "<|end|>\n", "<|endoftext|>", "<think></think>"):
        seen = seen.replace(marker, "|")
    answers = [answer.strip() for _, answer, weight in turns if weight != 0]
    assert [part.strip() for part in seen.split("|") if part.strip()] == [one for one in answers if one]


CALLS = (
    "{%- for message in messages -%}{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '') }}"
    "{%- for call in message['tool_calls'] or [] -%}%s{%- endfor -%}{{ '<|im_end|>\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)


def calls_as(expression: str) -> Any:
    return tokenizer_with(CALLS.replace("%s", expression))


def test_a_template_that_goes_through_the_arguments_is_given_an_object() -> None:
    each = "{%- for name, value in call['function']['arguments'] | items -%}<{{ name }}={{ value }}>{%- endfor -%}"
    row = label_row(calls_as(each), [turn("user", "U"), calling()], None)
    assert trained(calls_as(each), row) == "<place=map room><floor=2><|im_end|>\n"


def test_a_template_that_takes_text_gets_the_rows_own_text() -> None:
    tokenizer = calls_as("{{ call['function']['arguments'] + '' }}")
    spaced = '{"place":  "map room"}'
    row = label_row(tokenizer, [turn("user", "U"), calling(spaced)], None)
    assert trained(tokenizer, row) == f"{spaced}<|im_end|>\n"
    assert trained(tokenizer, label_row(tokenizer, [turn("user", "U"), calling(ARGUMENTS)], None)).startswith(WRITTEN)


def test_a_template_that_would_print_pythons_own_notation_is_not_given_calls() -> None:
    python = "{%- set given = call['function']['arguments'] -%}{%- if given is mapping -%}{{ given }}{%- endif -%}"
    assert form_of(calls_as(python), with_tools=False).arguments is None
