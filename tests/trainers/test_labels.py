"""Label masks, read back as text: exactly the answers with their end markers are trained."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainers.labels import IGNORED, UnstableTemplate, label_row, split_answer

END = "<|end|>\n"


def trained_text(tokenizer: Any, messages: list[dict[str, Any]], tools: list[Any] | None = None) -> str:
    row = label_row(tokenizer, messages, tools)
    assert len(row.input_ids) == len(row.labels)
    assert all(label in {IGNORED, token} for label, token in zip(row.labels, row.input_ids, strict=True))
    return str(tokenizer.decode([label for label in row.labels if label != IGNORED]))


def turn(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content} | more


CHAT = [turn("system", "S"), turn("user", "U1"), turn("assistant", "A1"), turn("user", "U2"), turn("assistant", "A2")]


def weighted(*weights: Any) -> list[dict[str, Any]]:
    found = iter(weights)
    return [m | {"weight": next(found)} if m["role"] == "assistant" else m for m in CHAT]


@pytest.mark.parametrize(
    ("weights", "want"),
    [
        ((1, 1), f"A1{END}A2{END}"),
        ((0, 1), f"A2{END}"),
        ((1, 0), f"A1{END}"),
        ((None, 1), f"A1{END}A2{END}"),
        ((0, 0), ""),
    ],
)
def test_weights_choose_what_is_trained(tokenizer: Any, weights: tuple[Any, ...], want: str) -> None:
    assert trained_text(tokenizer, weighted(*weights)) == want


def test_tool_calls_are_trained_and_results_are_not(tokenizer: Any) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    messages = [
        turn("user", "U"),
        {"role": "assistant", "tool_calls": [call]},
        turn("tool", "R"),
        turn("assistant", "A"),
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert trained_text(tokenizer, messages, tools) == f'call f {{"a": 1}}{END}A{END}'


def test_a_template_that_rewrites_earlier_turns_is_refused(tokenizer: Any) -> None:
    kept = tokenizer.chat_template
    tokenizer.chat_template = kept.replace("{{ message['content'] }}", "{{ message['content'] }}{{ loop.length }}")
    try:
        with pytest.raises(UnstableTemplate) as raised:
            label_row(tokenizer, CHAT, None)
    finally:
        tokenizer.chat_template = kept
    assert raised.value.message == 2


texts = st.text(alphabet="ab c.\n'é", min_size=1, max_size=8)


@given(st.lists(st.tuples(texts, texts, st.sampled_from([0, 1, None])), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_trained_text_is_the_weighted_answers(tokenizer: Any, turns: list[tuple[str, str, Any]]) -> None:
    messages: list[dict[str, Any]] = []
    for asked, answer, weight in turns:
        messages += [turn("user", asked), turn("assistant", answer, weight=weight)]
    row = label_row(tokenizer, messages, None)
    if row.straddling == 0:
        want = "".join(answer + END for _, answer, weight in turns if weight != 0)
        assert trained_text(tokenizer, messages) == want


def test_the_prompt_of_a_row_is_what_stands_before_its_last_answer() -> None:
    assert split_answer(CHAT) == (CHAT[:4], "A2")
    assert split_answer([turn("user", "U"), {"role": "assistant", "tool_calls": []}]) is None
