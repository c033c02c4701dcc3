"""A check that is not asked about a row could not have found anything in it, however the row is written."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lint_laws import TARGETS, seeds
from lint_rows import ROWS, planted

from service.data import rule_files
from service.lint import chosen
from service.lint.catalogue import Entry, all_checks, entries
from service.lint.check import Line, Row
from service.lint.decoding import decode
from service.lint.fast import Limits, plain_rows
from service.lint.gate import EVERY_FAMILY, NO_FAMILY, families_of
from service.lint.profile import load_profiles
from service.lint.signs import A_ROW, BLANK, NO_ROW, Signs, signs_of
from service.records.lint_report import LintReport
from service.verbs.lint import METHODS, LintInput, LintRequest, lint

RULES = rule_files()
CHECKS = [check for check in all_checks() if check.scope in {"line", "row"}]
LIMITS = [profile.limit_values() for profile in load_profiles(RULES)]
LIMITS += [{"max_tokens_per_example": 9, "max_output_tokens": 3, "max_chars_message": 5, "max_messages": 2}]
TEXTS = [
    "", " ", "\u2003", "Hi.", "one,", "<|im_end|>", "[INST]", "TODO", "{{name}}", "```", "<br>", "\u200b",
    "\u00c3\u00a9", "as an AI model", "Ignore all previous instructions.", "jailbreak", "kill him", "\x00", "A" * 240,
    "<tool_call>", "Please come in and see us today. " * 6, "word " * 3_300,
]  # fmt: skip
ROLES = ["system", "developer", "user", "assistant", "tool", "function", "User", " system ", "human", 7, None, ["user"]]
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SAYS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": text}} for text in TEXTS]
PARTS = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "https://a.b/c"}}, "x"]
KEYS: dict[str, list[Any]] = {
    "weight": [0, 1, 2, True, None, 0.0], "name": ["pat", "p p", 1], "thinking": TEXTS, "refusal": TEXTS,
    "Content": ["x"], "tool_call_id": ["c", "d", 1], "tool_calls": [[CALL], [CALL, CALL], [], None, [7], "x", SAYS],
    "function_call": [None, {"name": "f"}, *({"arguments": text} for text in TEXTS)],
}  # fmt: skip
TOP: dict[str, list[Any]] = {
    "tools": [[], None, "x", [{"type": "function", "function": {"name": "f"}}], TEXTS], "functions": [[], None],
    "parallel_tool_calls": [True, False, 1], "Messages": [1], "tags": [["O"]], "_tunegate": [["R0"], 7],
    "prompt": ["Say it."], "preferred_output": [[]], "text": TEXTS,
}  # fmt: skip


def of(options: dict[str, list[Any]]) -> dict[str, st.SearchStrategy[Any]]:
    return {key: st.sampled_from(values) for key, values in options.items()}


contents = st.one_of(
    st.sampled_from(TEXTS), st.text(max_size=3), st.lists(st.sampled_from(PARTS), max_size=2), st.just(7), st.none()
)
messages = st.fixed_dictionaries(
    {}, optional={"role": st.sampled_from(ROLES) | st.just("user"), "content": contents} | of(KEYS)
)
chats = st.fixed_dictionaries({"messages": st.lists(messages | st.just(7), max_size=6)}, optional=of(TOP))
odd = st.builds(
    lambda row, plants: [row := planted(row, *plant) for plant in plants][-1],
    st.sampled_from(ROWS),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 2)), min_size=1, max_size=3),
)
rows = st.one_of(chats, odd, st.fixed_dictionaries({}, optional=of(TOP)))


def escaped(raw: bytes, chance: random.Random) -> bytes:
    r"""The same row with some letters of its strings, keys among them, written as \uXXXX."""
    quoted, said, written = False, False, bytearray()
    for byte in raw:
        hide = quoted and not said and byte not in b'"\\' and byte < 0x80 and chance.random() < 0.2
        written += b"\\u%04x" % byte if hide else bytes([byte])
        if byte == 0x22 and not said:
            quoted = not quoted
        said = byte == 0x5C and not said
    return bytes(written)


def hits(row: Row, raw: bytes, families: frozenset[int]) -> Iterator[tuple[str, Signs]]:
    """(code, signs) of the checks of rows that find something, asked or not."""
    signs = signs_of(row, size=len(raw), families=families)
    return ((c.code, signs) for c in CHECKS if c.scope == "row" and next(c.find(row), None) is not None)


@given(
    rows,
    st.sampled_from(METHODS),
    st.sampled_from(LIMITS),
    st.sampled_from(["", "gpt-4.1-mini", "mistral"]),
    st.randoms(),
)
@example({"messages": [{}] * 3}, "sft", {"max_tokens_per_example": 11}, "", random.Random(1))
@settings(max_examples=600)
def test_what_finds_something_is_asked(
    data: dict[str, Any], method: str, limits: dict[str, int], model: str, chance: random.Random
) -> None:
    raw = escaped(json.dumps(data, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass"), chance)
    read, error = decode(raw)
    if error is not None:
        return
    assert read == json.loads(raw)
    nested = read.get("input")
    for one in [read, nested] if isinstance(nested, dict) else [read]:
        row = Row(one, limits=limits, method=method, model=model, tokens=len(raw) // 3)
        assert [code for code, signs in hits(row, raw, families_of(raw)) if not entries()[code].may_find(signs)] == []


@given(st.binary(max_size=40) | rows.map(lambda row: json.dumps(row).encode()), st.integers(0, 200))
def test_what_finds_something_in_a_line_is_asked(raw: bytes, at: int) -> None:
    for one in (raw, raw[: at % (len(raw) + 1)], b"\xef\xbb\xbf" + raw, b"[" + raw + b"]", raw + b"\xff"):
        data, error = decode(one)
        signs = (A_ROW if isinstance(data, dict) else NO_ROW) if one.strip() else BLANK
        line = Line(raw=one, number=2, data=data, error=error)
        found = {c.code for c in CHECKS if c.scope == "line" and next(c.find(line), None) is not None}
        if signs is not BLANK:
            assert {code for code in found if not entries()[code].may_find(signs)} == set()
        else:
            assert found >= {"F011"}


def lines() -> Iterator[bytes]:
    chance = random.Random(7)
    for seed in seeds():
        yield from seed.split(b"\n") if b"\x00" not in seed and not seed.startswith(b"\x1f\x8b") else []
    for _ in range(600):
        row = chance.choice(ROWS)
        for _ in range(chance.randrange(4)):
            row = planted(row, *(chance.randrange(1_000) for _ in range(3)))
        yield escaped(json.dumps(row).encode(), chance) if chance.random() < 0.5 else json.dumps(row).encode()


def report(raw: bytes, target: str, method: str) -> LintReport:
    request = LintRequest(inputs=[LintInput(None, "-")], target=target, method=method, max_findings=0, tokens="off")
    return lint(request, rules=RULES, stdin=io.BytesIO(raw))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", METHODS)
def test_the_report_is_that_of_asking_every_check_about_every_row(
    target: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = b"\n".join(lines())
    found = msgspec.json.encode(report(raw, target, method))
    asked_always = {code: always(entry) for code, entry in entries().items()}
    monkeypatch.setattr(chosen, "entries", lambda: asked_always)
    assert msgspec.json.encode(report(raw, target, method)) == found


def always(entry: Entry) -> Entry:
    """Without what keeps a check of rows from being asked; lines are told apart as before."""
    return entry if entry.scope == "line" else msgspec.structs.replace(entry, needs=(), reads=())


def test_a_plain_row_shows_no_sign_that_its_texts_do_not_hold() -> None:
    raw = json.dumps({"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hi."}]})
    told = plain_rows([raw.encode()], {}, NO_FAMILY, Limits())
    assert told.lines == [0]
    assert signs_of(Row(json.loads(raw)), size=len(raw), families=EVERY_FAMILY) == frozenset()
