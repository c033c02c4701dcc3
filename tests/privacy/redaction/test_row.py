"""One row redacted: what goes, what it is called, and what stays."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.privacy.fields import texts
from service.privacy.redaction.row import Redactor, Scan
from service.privacy.redaction.ways import WAYS

Make = Callable[..., Redactor]


def chat(*contents: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents], **more}


def call(arguments: str) -> dict[str, Any]:
    function = {"name": "send", "arguments": arguments}
    return {"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1", "function": function}]}]}


def contents(row: Any) -> list[str]:
    return [message["content"] for message in row["messages"]]


def test_the_same_value_has_the_same_tag_in_all_of_a_row(redactor: Make) -> None:
    row = chat(
        "I am bob@b.cd, not ada@b.cd", "ADA@b.cd? yes, Ada@B.cd",
        metadata={"owner": "bob@b.cd", "more": {"ada@b.cd": ["eve@b.cd"]}},
        tools=[{"type": "function", "function": {"name": "f", "description": "as eve@b.cd"}}],
    )  # fmt: skip
    row["messages"].append({"role": "tool", "tool_call_id": "x", "content": '{"from": "ADA@B.CD"}'})
    new, counts = redactor().redacted(row)
    assert contents(new) == [
        "I am <EMAIL_ADDRESS_1>, not <EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_2>? yes, <EMAIL_ADDRESS_2>",
        '{"from": "<EMAIL_ADDRESS_2>"}',
    ]  # fmt: skip
    assert new["metadata"] == {"owner": "<EMAIL_ADDRESS_1>", "more": {"<EMAIL_ADDRESS_2>": ["<EMAIL_ADDRESS_3>"]}}
    assert new["tools"][0]["function"]["description"] == "as <EMAIL_ADDRESS_3>"
    assert counts == {"EMAIL_ADDRESS": 9}


def test_every_row_counts_for_itself(redactor: Make) -> None:
    one = redactor()
    assert contents(one.redacted(chat("a@b.cd c@b.cd")).row) == ["<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>"]
    assert contents(one.redacted(chat("c@b.cd")).row) == ["<EMAIL_ADDRESS_1>"]


def test_a_row_without_findings_is_the_same_object(redactor: Make) -> None:
    row = chat("nothing here")
    assert redactor().redacted(row) == (row, {})
    assert redactor().redacted(row).row is row


@pytest.mark.parametrize(
    ("contents_", "want"),
    [
        # the word that spoke for it stands in one place only
        (["account 12345678", "and 12345678."], ["account <US_BANK_NUMBER_1>", "and <US_BANK_NUMBER_1>."]),
        (["it is 12345678", "account: 12345678"], ["it is <US_BANK_NUMBER_1>", "account: <US_BANK_NUMBER_1>"]),
        # another grouping is the same number
        (["536-90-4399 or 536904399"], ["<US_SSN_1> or <US_SSN_1>"]),
        (["536-90-4399", "536 90 4399"], ["<US_SSN_1>", "<US_SSN_1>"]),
        # part of a longer one is not
        (["account 12345678", "123456789 and x12345678 and 12345678.5"],
         ["account <US_BANK_NUMBER_1>", "123456789 and x12345678 and <US_BANK_NUMBER_1>.5"]),
        (["ada@b.cd", "lada@b.cdx"], ["<EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_2>"]),
        (["stra\u00dfe", "ada@b.cd"], ["stra\u00dfe", "<EMAIL_ADDRESS_1>"]),
    ],
)  # fmt: skip
def test_a_value_that_is_known_goes_everywhere(redactor: Make, contents_: list[str], want: list[str]) -> None:
    assert contents(redactor().redacted(chat(*contents_)).row) == want


def test_short_values_are_not_looked_for_elsewhere(redactor: Make) -> None:
    from service.privacy.found import Found

    def scan(text: str, context: tuple[str, ...]) -> list[Found]:
        return [Found("IP_ADDRESS", 0, 2, 0.6, "")] if text.startswith("::") else []

    assert contents(redactor(scan=scan).redacted(chat("::", "std::vector")).row) == ["<IP_ADDRESS_1>", "std::vector"]


@pytest.mark.parametrize(
    ("arguments", "want"),
    [
        ('{"to": "a@b.cd", "n": 5, "x": 1.0}', '{"to": "<EMAIL_ADDRESS_1>", "n": 5, "x": 1.0}'),
        ('{"account":12345678,"ref":12345678}', '{"account":1,"ref":1}'),
        ('{"account":12345678.0}', '{"account":1.0}'),
        ('{"account": [12345678, 87654321, "12345678"]}', '{"account": [1, 2, "<US_BANK_NUMBER_1>"]}'),
        ('{"a@b.cd": {"A@b.cd": 1}}', '{"<EMAIL_ADDRESS_1>": {"<EMAIL_ADDRESS_1>": 1}}'),
        ('{"a@b.cd": 1, "A@b.cd": 2}', '{"<EMAIL_ADDRESS_1>": 1, "<EMAIL_ADDRESS_1>~2": 2}'),
        ("not JSON: a@b.cd", "not JSON: <EMAIL_ADDRESS_1>"),
        ('{"to": "a@b.cd", "to": "c@b.cd"}', '{"to": "<EMAIL_ADDRESS_1>", "to": "<EMAIL_ADDRESS_2>"}'),
        ('{"deep": "{\\"to\\": \\"a@b.cd\\"}"}', '{"deep": "{\\"to\\": \\"<EMAIL_ADDRESS_1>\\"}"}'),
    ],
)
def test_arguments_stay_what_they_are(redactor: Make, arguments: str, want: str) -> None:
    new = redactor().redacted(call(arguments)).row
    assert new == call(want)


def test_what_a_trainer_reads_by_name_stays(redactor: Make) -> None:
    row = {
        "messages": [
            {"role": "a@b.cd", "weight": 1, "tool_calls": [{"id": "a@b.cd", "function": {"name": "a@b.cd"}}]},
            {"role": "tool", "tool_call_id": "a@b.cd", "name": "a@b.cd", "content": "a@b.cd"},
        ]
    }
    new = redactor().redacted(row).row
    assert json.dumps(new) == json.dumps(row).replace('"content": "a@b.cd"', '"content": "<EMAIL_ADDRESS_1>"')


def test_a_tag_that_the_data_holds_already_is_not_given_again(redactor: Make) -> None:
    new = redactor().redacted(chat("<EMAIL_ADDRESS_1> a@b.cd <EMAIL_ADDRESS_3>", "c@b.cd")).row
    assert contents(new) == ["<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2> <EMAIL_ADDRESS_3>", "<EMAIL_ADDRESS_4>"]


@pytest.mark.parametrize("name", WAYS)
def test_no_finding_is_left_although_a_tag_may_speak_for_a_number(redactor: Make, presidio: Scan, name: str) -> None:
    row = chat(
        "routing bank 536904399, ref 12345678 87654321", "my ssn is 536-90-4399, card 4111 1111 1111 1111",
        "call (415) 555-0132 or 4155550132 or mail Ada@example.org, ada@example.org",
        "https://ada:secret@example.org/x and DE89370400440532013000 and 10.0.0.7, ip 2001:db8::1",
    )  # fmt: skip
    row["messages"].append(call('{"phone": 4155550132, "bank_account": 12345678, "to": "x"}')["messages"][0])
    new, counts = redactor(name, presidio).redacted(row)
    assert [(text.text, found) for text in texts(new) if (found := presidio(text.text, text.context))] == []
    assert redactor(name, presidio).redacted(new).row is new
    assert {"US_SSN", "CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS"} <= set(counts)
    left = json.dumps(new)
    for value in ("536", "4111", "555", "secret", "3704", "10.0.0.7", "Ada@"):
        assert value not in left, value
    assert "https://ada:" in left


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("replace", "<EMAIL_ADDRESS> <EMAIL_ADDRESS> <US_SSN>"),
        ("mask", "***@*.** *@*.** ***-**-****"),
        ("hash", r"<EMAIL_ADDRESS_([a-p]{16})> <EMAIL_ADDRESS_(?!\1)[a-p]{16}> <US_SSN_[a-p]{16}>"),
    ],
)
def test_other_ways(redactor: Make, name: str, want: str) -> None:
    one = redactor(name)
    (made,) = contents(one.redacted(chat("ada@b.cd c@b.cd 536-90-4399")).row)
    assert re.fullmatch(want.replace("*", r"\*") if name == "mask" else want, made)
    assert one.redacted(call('{"account": 12345678}')).row == call('{"account": 0}')
    # the same in every row of a run, another in another run
    assert contents(one.redacted(chat("ADA@b.cd c@b.cd 536-90-4399")).row) == [made]
    assert (contents(redactor(name).redacted(chat("ada@b.cd c@b.cd 536-90-4399")).row) == [made]) is (name != "hash")


def test_masked_keys_do_not_become_one(redactor: Make) -> None:
    row = chat(metadata={"a@b.cd": 1, "c@d.ef": 2})
    assert redactor("mask").redacted(row).row["metadata"] == {"*@*.**": 1, "*@*.**~2": 2}


def test_time_grows_with_the_text_when_all_values_begin_alike(redactor: Make) -> None:
    """With a look at every value for every word this would take minutes."""
    row = chat(" ".join(f"info@d{number}.example" for number in range(8000)))
    start = time.process_time()
    made = redactor("replace").redacted(row)
    assert time.process_time() - start < 10
    assert made.counts["EMAIL_ADDRESS"] == 8000
    assert contents(made.row) == [" ".join(["<EMAIL_ADDRESS>"] * 8000)]


def test_a_secret_leaves_nothing_of_its_shape(redactor: Make) -> None:
    from service.privacy.found import Found

    def scan(text: str, context: tuple[str, ...]) -> list[Found]:
        return [Found("SECRET_PASSWORD", 0, 8, 0.9, "")] if text.startswith("P@ss-w0!") else []

    assert contents(redactor("mask", scan).redacted(chat("P@ss-w0!")).row) == ["********"]
    assert contents(redactor("pseudonyms", scan).redacted(chat("P@ss-w0!")).row) == ["<SECRET_PASSWORD_1>"]


PIECES = st.sampled_from(
    [
        "ada@b.cd",
        "ADA@B.CD",
        "536-90-4399",
        "536904399",
        "account",
        " 12345678 ",
        "<EMAIL_ADDRESS_1>",
        "\u00df",
        "x",
        " ",
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers(10**7, 10**9) | st.floats(1, 9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    return [shape(item) for item in value] if isinstance(value, list) else isinstance(value, str) or type(value)


@given(VALUES, VALUES, TEXTS, st.sampled_from(WAYS))
def test_rows_keep_their_shape_and_nothing_is_found_twice(
    redactor: Make, quick: Scan, arguments: Any, metadata: Any, content: str, name: str
) -> None:
    row = {**call(json.dumps(arguments)), "metadata": metadata, "prompt": content}
    new = redactor(name).redacted(row).row
    assert shape({**new, "messages": 0}) == shape({**row, "messages": 0})
    made = new["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert shape(json.loads(made)) == shape(arguments)
    assert [text.text for text in texts(new) if quick(text.text, text.context)] == []
    assert redactor(name).redacted(new).row is new
