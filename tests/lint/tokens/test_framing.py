"""A row for OpenAI's models counts as the cookbook counts it; tools and odd rows have an answer too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.lint.tokens.counter import TokenCounter, counter_for
from service.lint.tokens.framing import Framed, json_text

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
plain_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(ROLES), "content": st.text("a bc.\n'\u00e94\u4e2d", max_size=30)},
        optional={"name": st.sampled_from(["anna", "desk_2"]), "weight": st.sampled_from([0, 1])},
    ),
    max_size=6,
)


def counter(model: str | None = None) -> TokenCounter:
    found, _ = counter_for(target="openai", model=model, model_folder=None, mode="exact")
    assert found is not None
    return found


def row(data: dict[str, Any]) -> tuple[int, Framed]:
    found = counter()
    framed = found.framing().row(data)
    return sum(found.count(framed.texts)) + framed.added, framed


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
@given(messages=plain_messages)
def test_a_plain_row_counts_by_the_published_scheme(ranks: Path, name: str, messages: list[dict[str, Any]]) -> None:
    from tiktoken import get_encoding

    encode = get_encoding(name).encode_ordinary
    wanted = 3
    for message in messages:
        wanted += 3 + ("name" in message)
        wanted += sum(len(encode(value)) for value in message.values() if isinstance(value, str))
    found = counter("gpt-4o" if name == "o200k_base" else "gpt-4")
    texts, added, approximate = found.framing().row({"messages": messages})
    assert (sum(found.count(texts)) + added, approximate) == (wanted, False)


def test_the_frame_is_one_number_for_a_record_of_known_roles() -> None:
    framing = counter().framing()
    assert framing.tokens(["system", "user", "assistant"]) == 3 + 3 * 4
    assert framing.tokens(["user", "assistant"], names=1) == 3 + 2 * 4 + 1


def test_tools_and_calls_count_as_their_json_and_are_called_approximate() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"item": "atlas"}'}}
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Shelf 4"},
    ]
    without, plain = row({"messages": [{**message, "tool_calls": []} for message in messages]})
    total, framed = row({"messages": messages, "tools": tools})
    assert (plain.approximate, framed.approximate) == (False, True)
    assert total - without == sum(counter().count([json_text([call]), json_text(tools)]))


def test_text_parts_count_and_images_make_the_sum_approximate() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    plain, _ = row({"messages": [{"role": "user", "content": "What is this?"}]})
    total, framed = row({"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]})
    assert (total, framed.approximate) == (plain, True)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"messages": "text"},
        {"messages": [None, 7, "x", []]},
        {"messages": [{"role": ["user"], "content": {"a": 1}, "name": 4}]},
        {"messages": [{"content": [None, {"text": 5}, "x"]}], "tools": "none"},
        {"messages": [{"role": "user", "content": "a\ud800", "function_call": {"name": "\udc00", "n": 1e99}}]},
    ],
)
def test_a_row_of_any_shape_is_counted(data: dict[str, Any]) -> None:
    total, _ = row(data)
    assert total >= 3


def test_json_text_is_the_same_with_and_without_a_lone_surrogate() -> None:
    value = {"b": [1, 0.5, True, None, "\u00e9\n"], "a": {}}
    assert json_text({**value, "s": "\ud800"}) == json_text({**value, "s": "?"}).replace("?", "\ud800")
