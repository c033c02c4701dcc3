"""What of a row is scanned, and that a row with other texts keeps its shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.privacy.fields import Text, rewritten, texts

LEAF = st.one_of(st.text(max_size=12), st.integers(), st.booleans(), st.none())
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
CALL = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": '{"to": "a@b.cd", "n": 7}'}}
ROW: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "name": "ada", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "weight": 1, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "name": "send", "content": '{"ok": "yes"}'},
        {"role": "assistant", "content": "Sent.", "refusal": "No."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "send",
                "description": "Sends mail",
                "parameters": {
                    "type": "object",
                    "required": ["to"],
                    "properties": {"to": {"type": "string", "enum": ["x@y.zz"]}},
                },
            },
        }
    ],
    "metadata": {"owner": {"phone": 5551234}},
}


def image(url: str) -> dict[str, Any]:
    part = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    return {"messages": [{"role": "user", "content": [part]}]}


def at(row: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts(row):
        if text.kind != "key":
            found.setdefault(text.pointer, []).append(text.text)
    return found


def test_every_text_of_a_row_is_told_with_its_place_and_nothing_else() -> None:
    assert at(ROW) == {
        "/messages/0/content": ["Be kind."],
        "/messages/1/name": ["ada"],
        "/messages/1/content/0/text": ["Hi"],
        "/messages/2/tool_calls/0/function/arguments": ["a@b.cd", "7"],
        "/messages/3/content": ["yes"],
        "/messages/4/content": ["Sent."],
        "/messages/4/refusal": ["No."],
        "/tools/0/function/description": ["Sends mail"],
        "/tools/0/function/parameters/properties/to/enum/0": ["x@y.zz"],
        "/metadata/owner/phone": ["5551234"],
    }


def test_keys_say_what_a_value_is() -> None:
    told = {text.text: text for text in texts(ROW)}
    assert told["a@b.cd"] == Text("/messages/2/tool_calls/0/function/arguments", "a@b.cd", ("to",), inside=True)
    assert told["5551234"].context == ("owner", "phone")
    assert told["5551234"].kind == "number"
    assert told["Be kind."].context == ()


@pytest.mark.parametrize(
    ("row", "places"),
    [
        ({"prompt": "Hi", "completion": "Ho"}, {"/prompt": ["Hi"], "/completion": ["Ho"]}),
        ({"text1": "Hi", "label": "spam"}, {"/text1": ["Hi"], "/label": ["spam"]}),
        ({"tokens": ["Hi"], "tags": [0]}, {"/tokens/0": ["Hi"], "/tags/0": ["0"]}),
        (
            {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"content": "Ho"}]},
            {"/input/messages/0/content": ["Hi"], "/preferred_output/0/content": ["Ho"]},
        ),
        ({"chosen": [{"content": "Ho"}], "rejected": "No"}, {"/chosen/0/content": ["Ho"], "/rejected": ["No"]}),
        (
            {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": "not json"}}]},
            {"/messages/0/function_call/arguments": ["not json"]},
        ),
        ({"messages": "text"}, {"/messages": ["text"]}),
        (["text", 5], {"/0": ["text"], "/1": ["5"]}),
        (image("data:image/png;base64,AAAA"), {}),
        (
            image("data:;base64,AAAA 4155550199"),
            {"/messages/0/content/0/image_url/url": ["data:;base64,AAAA 4155550199"]},
        ),
        ({"text": "data:a@b.cd;base64,AAAA"}, {"/text": ["data:a@b.cd;base64,AAAA"]}),
        (image("https://a.b/c?sig=d"), {"/messages/0/content/0/image_url/url": ["https://a.b/c?sig=d"]}),
    ],
)
def test_rows_of_every_shape_are_read(row: object, places: dict[str, list[str]]) -> None:
    assert at(row) == places


def test_the_values_of_a_schema_are_data_with_keys_of_their_own() -> None:
    schema = {
        "type": "object",
        "default": {"type": "ada", "required": ["bob"], "cy@d.ef": 1},
        "examples": [{"format": "dan"}],
        "const": {"pattern": "eve"},
        "properties": {"default": {"type": "string", "description": "Who"}},
    }
    found = texts({"tools": [{"function": {"name": "f", "parameters": schema}}]})
    assert {text.text for text in found if text.kind != "key"} == {"ada", "bob", "1", "dan", "eve", "Who"}
    assert "cy@d.ef" in {text.text for text in found if text.kind == "key"}


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("where", ["content", "arguments", "completion", "messages"])
def test_json_in_a_text_is_read_without_its_escapes_however_deep(where: str, depth: int) -> None:
    value: Any = "id\n536-90-4399 caf\u00e9"
    for _ in range(depth):
        value = json.dumps({"ssn": value, "n": 7})
    call = {"function": {"name": "f", "arguments": value}}
    row = {
        "content": {"messages": [{"role": "assistant", "content": value}]},
        "arguments": {"messages": [{"role": "assistant", "tool_calls": [call]}]},
        "completion": {"prompt": "Hi", "completion": value},
        "messages": {"messages": value},
    }[where]
    told = next(text for text in texts(row) if text.text.startswith("id"))
    assert told.text == "id\n536-90-4399 caf\u00e9"
    assert (told.context[-1], told.inside) == ("ssn", True)
    new = json.dumps(rewritten(row, lambda text: text.text.replace("536-90-4399", "<SSN>")))
    assert new == json.dumps(row).replace("536-90-4399", "<SSN>")


def test_what_a_key_says_is_scanned_and_never_shown_in_a_pointer() -> None:
    found = texts({"metadata": {"ada@example.org": {"note": "x"}, "+1 415 555 0199": "y"}})
    assert [(text.pointer, text.kind) for text in found if text.text in ("ada@example.org", "x", "y")] == [
        ("/metadata", "key"),
        ("/metadata/note", "string"),
        ("/metadata", "string"),
    ]


def test_both_values_of_a_key_that_comes_twice_are_read_and_written() -> None:
    arguments = '{"to": "a\\u0040b.cd", "n": 7, "to" :"b@b.cd"}'
    row = {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}
    told = [(text.text, text.context) for text in texts(row) if text.kind != "key"]
    assert told == [("a@b.cd", ("to",)), ("7", ("n",)), ("b@b.cd", ("to",))]
    tags = {"a@b.cd": "<A>", "b@b.cd": "<B>", "7": "1", "to": "<K>"}
    new = rewritten(row, lambda text: tags.get(text.text, text.text))
    written = new["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert written == '{"<K>": "<A>", "n": 1, "<K>" :"<B>"}'


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"type": "input_audio", "input_audio": {"data": "UklGRiQ4155550199AAA=", "format": "wav"}}, []),
        ({"type": "input_audio", "input_audio": {"data": "ask a@b.cd", "format": "wav"}}, ["ask a@b.cd"]),
        (
            {"type": "file", "file": {"file_data": "JVBERi0xLjcK", "file_id": "file-1", "filename": "ada.pdf"}},
            ["ada.pdf"],
        ),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}}, []),
    ],
)
def test_the_data_of_sound_and_files_is_no_text(part: dict[str, Any], read: list[str]) -> None:
    told = texts({"messages": [{"role": "user", "content": [part]}]})
    assert [text.text for text in told if text.kind != "key"] == read


def test_arguments_stay_json_of_the_same_shape() -> None:
    new = rewritten(ROW, lambda text: {"a@b.cd": "<EMAIL_1>", "7": "0", "to": "<KEY>"}.get(text.text, text.text))
    call = new["messages"][2]["tool_calls"][0]
    assert call["function"]["arguments"] == '{"<KEY>": "<EMAIL_1>", "n": 0}'
    assert (call["id"], call["function"]["name"]) == ("call_1", "send")
    # the property that a schema names is no text
    assert new["tools"] == ROW["tools"]
    assert new["messages"][0] is ROW["messages"][0]


def test_two_keys_never_become_one() -> None:
    row = {"metadata": {"ada": 1, "bob": 2}}
    new = rewritten(row, lambda text: "<NAME>" if text.kind == "key" and text.pointer == "/metadata" else text.text)
    assert new["metadata"] == {"<NAME>": 1, "<NAME>~2": 2}


@pytest.mark.parametrize("kept", ["1.0", "1e5", "-0", "12345678901234567890123", "1.10", '"\\u00e9\\/"', "[ ]"])
def test_what_is_not_replaced_in_arguments_keeps_its_spelling(kept: str) -> None:
    arguments = f'{{"a" : {kept},"to":"x a@b.cd \\u00e9\\/"}}'
    row = {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}
    new = rewritten(row, lambda text: text.text.replace("x a@b.cd é/", "é <X>"))
    assert new["messages"][0]["tool_calls"][0]["function"]["arguments"] == f'{{"a" : {kept},"to":"\\u00e9 <X>"}}'


@given(JSON)
def test_nothing_changes_where_nothing_is_rewritten(row: Any) -> None:
    assert rewritten(row, lambda text: text.text) is row


@given(st.dictionaries(st.sampled_from(["messages", "tools", "input", "metadata", "x"]), JSON, max_size=4))
def test_every_string_is_read_but_what_is_kept(row: dict[str, Any]) -> None:
    def strings(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [one for item in inner for one in strings(item)]

    seen = {text.text for text in texts(row)}
    for one in strings(row):
        assert one in seen or _is_document(one)


def _is_document(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False
