"""The laws of fixes: a mended finding is gone, twice is once, nothing else breaks, and what is clean stays as it is."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from service.data import rule_files
from service.lint.catalogue import all_checks, documentation
from service.lint.chosen import chosen_checks
from service.lint.fixes.catalogue import OPT_IN, kinds, row_fixes
from service.lint.fixes.copy import Copier
from service.lint.fixes.fix import Change
from service.lint.fixes.reading import unpacked_lines
from service.lint.profile import load_profile
from service.packing import packing_of
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
TARGETS = ("azure-openai", "openai", "azure-serverless", "local", "trl", "kaito")
CHECKS = {check.code: check for check in all_checks()}
# what hid a message from the other rules is mended: what they then find was there before
REVEALING = sorted({fix.code for fix in row_fixes(unsafe_too=True) if fix.reveals} | {"F002", "F005", "F010", "F015"})
WEATHER = {"name": "weather", "description": "Weather of a city.", "parameters": {"type": "object"}}


def chat(n: int, **last: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Question {n}?"},
            {"role": "assistant", "content": f"Answer {n}."} | last,
        ]
    }


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def called(name: str) -> bytes:
    row = chat(0)
    call = {"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    row["messages"][2:2] = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": name, "content": "4"},
    ]
    return lines(row | {"tools": [{"type": "function", "function": WEATHER}]})


ROWS = {
    "sft": lines(*(chat(n) for n in range(1, 61))),
    "rft": lines(*({"messages": chat(n)["messages"][:2], "reference": f"Answer {n}."} for n in range(1, 61))),
    "dpo": lines(
        *(
            {
                "input": {"messages": chat(n)["messages"][:2]},
                "preferred_output": [{"role": "assistant", "content": f"Answer {n}."}],
                "non_preferred_output": [{"role": "assistant", "content": f"Go {n}."}],
            }
            for n in range(1, 61)
        )
    ),
}
# examples that are told in words on their pages, and one whose page shows too little of a row
TOLD = {
    "T018": called("c1"),
    "L010": lines(chat(0, content="A long answer. " * 2_500)),
    "F006": ROWS["sft"].decode().encode("utf-16"),
}
MODELS = {"T018": "mistral-7b", "L010": "qwen"}
# the others are told of several rows or files, and proven in test_fix.py, test_row_groups.py and test_near_fixes.py
IN_ROWS = sorted(set(kinds()) - {"Q002", "X001", "X002", "X003", "X007"})


def page_example(code: str) -> bytes:
    """The page's example before sixty rows that are well; a file that is wholly wrong stands alone."""
    text = documentation(code)[1]["Example"]
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), text.encode())
    raw = TOLD.get(code) or raw.replace(b'"\\\\ud800"', b'"\\ud800"') + b"\n"
    return raw if code == "F006" else raw + ROWS[CHECKS[code].methods[0]]


def report(raw: bytes, target: str, method: str = "sft", model: str | None = None) -> LintReport:
    request = LintRequest(inputs=[LintInput(None, "-")], target=target, method=method, model=model, max_findings=0)
    return lint(request, rules=RULES, stdin=io.BytesIO(raw))


def errors(raw: bytes, target: str, method: str = "sft", model: str | None = None) -> Counter[str]:
    return Counter(one.rule for one in report(raw, target, method, model).findings if one.severity == "error")


def mended(
    raw: bytes,
    target: str,
    codes: list[str] | None = None,
    *,
    unsafe: bool = True,
    method: str = "sft",
    model: str | None = None,
) -> tuple[bytes, list[Change]]:
    chosen = set(codes or CHECKS)
    checks = chosen_checks(load_profile(target, RULES), chosen, method=method, model=model or "", most=20)
    copier = Copier(checks, named=set(codes or ()), unsafe=unsafe)
    changes: list[Change] = []
    return b"".join(copier.blocks(unpacked_lines(io.BytesIO(raw), "-"), "train", changes.append)), changes


def test_every_check_says_of_its_fix_what_there_is() -> None:
    assert {check.code: check.fix for check in all_checks() if check.fix != "none"} == kinds()


@pytest.mark.parametrize("code", sorted(CHECKS))
def test_the_page_says_how_safe_the_fix_is(code: str) -> None:
    words = {"safe": "Safe", "unsafe": "Unsafe", "none": "No fix"}
    assert documentation(code)[1]["Fix safety"].startswith(words[CHECKS[code].fix])


@pytest.mark.parametrize("code", IN_ROWS)
def test_the_example_is_mended_for_every_target_where_it_counts(code: str) -> None:
    raw, method, model = page_example(code), CHECKS[code].methods[0], MODELS.get(code)
    counting = [target for target in TARGETS if code in report(raw, target, method, model).counts]
    assert counting
    for target in counting:
        before = errors(raw, target, method, model)
        new, changes = mended(raw, target, [code], method=method, model=model)
        assert {change.rule for change in changes} == {code}
        assert code not in report(new, target, method, model).counts
        assert not errors(new, target, method, model) - before
        assert mended(new, target, [code], method=method, model=model) == (new, [])


@pytest.mark.parametrize("code", IN_ROWS)
def test_a_rule_that_is_off_mends_nothing(code: str) -> None:
    raw, method, model = page_example(code), CHECKS[code].methods[0], MODELS.get(code)
    for target in TARGETS:
        if code not in report(raw, target, method, model).counts:
            assert mended(raw, target, [code], method=method, model=model) == (raw, [])


@pytest.mark.parametrize("code", sorted(code for code, kind in kinds().items() if kind == "unsafe"))
def test_an_unsafe_fix_is_not_made_unasked(code: str) -> None:
    if code in IN_ROWS:
        raw, method, model = page_example(code), CHECKS[code].methods[0], MODELS.get(code)
        for target in TARGETS:
            assert mended(raw, target, [code], unsafe=False, method=method, model=model) == (raw, [])


@pytest.mark.parametrize("code", sorted(OPT_IN))
def test_what_many_can_do_without_is_only_made_by_name(code: str) -> None:
    assert not [change for target in TARGETS for change in mended(page_example(code), target)[1] if change.rule == code]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ROWS)
def test_what_is_clean_stays_byte_for_byte(target: str, method: str) -> None:
    raw = ROWS[method]
    for content in (raw, raw.rstrip(b"\n"), raw + b"\n", b'{"messages":' + raw[13:]):
        assert mended(content, target, method=method) == (content, [])


@pytest.mark.parametrize("code", sorted(CHECKS))
def test_what_the_pages_advise_is_not_mended(code: str) -> None:
    raw, method = documentation(code)[1]["Instead"].encode() + b"\n", CHECKS[code].methods[0]
    for target in TARGETS:
        # what plain trainers want of tool arguments is the opposite of what the hosted services want
        found = {change.rule for change in mended(raw, target, method=method)[1]}
        assert found <= ({"T013"} if target in {"trl", "kaito"} else set())


TEXTS = st.sampled_from(
    ["Hi.", "", " ", "Hel\u200blo.", "a\u0000b", "<|im_end|>", "<|im_\u200bend|>", "caf\u00c3\u00a9", "&lt;s&gt;",
     "<br>", "\u200b", "\u0000"]
)  # fmt: skip
CALL = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["weather", "f g"]),
            "arguments": st.sampled_from(["{}", "{a", {"a": 1.0}, 5]),
        },
    )},
    optional={"id": st.sampled_from(["c1", "c2", 3]), "type": st.just("function")},
)  # fmt: skip
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(
        ["system", "developer", "user", "assistant", "tool", "function", "User", "gpt", " assistant", "poet"]
    )},
    optional={
        "content": st.one_of(
            TEXTS, TEXTS, st.sampled_from([None, 4, 1.5, True, {}]),
            st.lists(st.one_of(
                st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}),
                st.fixed_dictionaries({"type": st.just("image_url"), "image_url": st.sampled_from(
                    ["https://example.com/a.png", {"url": "https://example.com/a.png", "detail": "medium"}, 5]
                )}),
            ), max_size=2),
        ),
        "weight": st.sampled_from([0, 1, 2, True, False, "1", 0.0, 1.0, None]),
        "training": st.booleans(),
        "name": st.sampled_from(["anna", "Anna B."]),
        "mood": st.integers(),
        "tool_calls": st.lists(CALL, max_size=2),
        "tool_call_id": st.sampled_from(["c1", "c2", "c9"]),
        "function_call": st.sampled_from([{"name": "f", "arguments": "{}"}, {"name": "f"}, None]),
    },
)  # fmt: skip
ROW = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, max_size=6)},
    optional={
        "tools": st.sampled_from(
            [[], [WEATHER], {"type": "function", "function": WEATHER}, [{"function": WEATHER}] * 2]
        ),
        "functions": st.just([WEATHER]),
        "parallel_tool_calls": st.sampled_from([False, "true", 7]),
        "note": st.just(1.50),
    },
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ROW, st.sampled_from(TARGETS), st.booleans(), st.sampled_from(["sft", "sft", "rft", "dpo"]))
def test_fixing_breaks_nothing_and_twice_is_once(row: dict[str, Any], target: str, unsafe: bool, method: str) -> None:
    outputs = {key: [{"role": "assistant", "content": key}] for key in ("preferred_output", "non_preferred_output")}
    raw = lines({"input": row, **outputs} if method == "dpo" else row)
    new, _ = mended(raw, target, unsafe=unsafe, method=method)
    shown, _ = mended(raw, target, REVEALING, method=method)
    before = errors(raw, target, method) | errors(shown, target, method)
    # a file whose only row is left out has none
    assert not errors(new, target, method) - before - Counter(F001=1)
    assert mended(new, target, unsafe=unsafe, method=method) == (new, [])


@settings(max_examples=200, deadline=None)
@given(ROW, st.sampled_from(TARGETS))
def test_a_safe_fix_changes_no_text_and_nothing_that_is_trained(row: dict[str, Any], target: str) -> None:
    new, _ = mended(lines(row), target, unsafe=False)
    after = json.loads(new)["messages"]
    assert len(after) == len(row["messages"])
    for old, one in zip(row["messages"], after, strict=True):
        if isinstance(old.get("content"), str):
            assert one["content"] == old["content"]
        if old["role"].strip() in {"assistant", "gpt"} and old.get("weight") in {0, 1}:
            assert one["weight"] == old["weight"]


@settings(max_examples=60, deadline=None)
@example([b"", codecs.BOM_UTF8, b"\x00"])
@example([b'{"messages":[]}', b"[", b'{"messages": [{"role": "system"}, {"role": "system"}]}'])
@example([b"", b"\x00{"])
@example([b'{"messages": []}', b"\x00{"])
@given(st.lists(st.one_of(st.binary(max_size=30), ROW.map(lambda row: json.dumps(row).encode())), max_size=6))
def test_any_bytes_get_a_copy_and_twice_is_once(rows: list[bytes]) -> None:
    # what begins like packed data is an unreadable input, as everywhere
    assume(packing_of(b"\n".join(rows)) is None)
    new, _ = mended(b"\n".join(rows), "openai")
    assert mended(new, "openai") == (new, [])
