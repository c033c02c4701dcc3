"""What a copy keeps byte for byte, and how lines, encodings and whole files are mended."""

from __future__ import annotations

import io
import json
import multiprocessing
import tracemalloc
from collections import deque
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.data import rule_files
from service.lint.catalogue import all_checks
from service.lint.chosen import chosen_checks
from service.lint.fixes import reading, reflow
from service.lint.fixes.copy import Copier
from service.lint.fixes.exact import read, written
from service.lint.fixes.fix import Change
from service.lint.fixes.reading import unpacked_lines
from service.lint.profile import load_profile
from service.records.lint_report import Role

RULES = rule_files()
CODES = {check.code for check in all_checks()}


def chat(n: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": "Yes."} | more]
    }


def copier(target: str = "openai", *, unsafe: bool = False, codes: set[str] | None = None) -> Copier:
    chosen = codes or CODES
    profile = load_profile(target, RULES)
    checks = chosen_checks(profile, chosen, method="sft", model="", most=20)
    return Copier(checks, named=codes or set(), unsafe=unsafe)


def copied(raw: bytes, made: Copier | None = None, role: Role = "train") -> tuple[bytes, list[Change]]:
    changes: list[Change] = []
    return b"".join((made or copier()).blocks(unpacked_lines(io.BytesIO(raw), "-"), role, changes.append)), changes


def rules(changes: list[Change]) -> list[str]:
    return [change.rule for change in changes]


@pytest.mark.parametrize(
    "literal",
    ["1.0", "1e5", "1.10", "-0", "-0.0", "123456789012345678901234567890", '"caf\u00e9 \U0001f600"', '"\\\\ud800"'],
)  # fmt: skip
def test_what_a_fix_does_not_touch_is_written_as_it_was(literal: str) -> None:
    calls = '[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"x": ' + literal + "}}}]"
    row = (
        '{"tools": [], "messages": [{"content": "Hi?", "role": "User"}, {"tool_calls": '
        + calls
        + ', "role": "assistant"}]}'
    )
    new, changes = copied(row.encode(), copier("local"))
    assert rules(changes) == ["R006"]
    assert new.decode() == row.replace("User", "user")


def test_a_row_without_spaces_stays_without() -> None:
    row = b'{"messages":[{"role":"User","content":"a: b, c"},{"role":"assistant","content":"Yes."}]}\n'
    assert copied(row)[0] == row.replace(b"User", b"user")


def test_arguments_keep_their_numbers_when_they_become_text() -> None:
    row = chat(tool_calls=[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "@"}}])
    raw = json.dumps(row).replace('"@"', '{"x": 1.50, "y": 1e5}').encode()
    (new, changes) = copied(raw)
    assert rules(changes) == ["T012"]
    assert json.loads(new)["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"x": 1.50, "y": 1e5}'


@pytest.mark.parametrize("schema", ['{"type": "number", "minimum": -1.50}', '{"type": -1.5}', '{"const": 1e5}'])
@pytest.mark.parametrize("target", ["openai", "local", "kaito"])
def test_numbers_in_a_tools_schema_stop_no_fix_and_stay(schema: str, target: str) -> None:
    tool = '{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": @}}}}'
    row = '{"tools": [' + tool.replace("@", schema) + '], "messages": [{"role": "User", "content": "Hi?"}, @]}'
    call = '{"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": @}]}'
    raw = row.replace("@", call.replace("@", '{"name": "f", "arguments": "{\\"x\\": 2.0}"}'))
    new, changes = copied(raw.encode(), copier(target))
    assert "R006" in rules(changes)
    assert schema in new.decode()


def test_a_row_with_a_key_twice_is_never_written_again() -> None:
    row = (
        b'{"messages": [{"role": "User", "content": "Hi?", "content": "Ho?"}, {"role": "assistant", "content": "A"}]}\n'
    )
    assert copied(row, copier(unsafe=True)) == (row, [])


@settings(max_examples=50, deadline=None)
@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
))  # fmt: skip
def test_reading_and_writing_change_nothing(value: Any) -> None:
    for separators in ((", ", ": "), (",", ":")):
        text = json.dumps(value, ensure_ascii=False, separators=separators)
        assert written(read(text), like=b'{"a"%s1}' % separators[1].encode()) == text


ROWS = st.lists(
    st.builds(lambda n, text: chat(n, note=text, x=[1.5, None]), st.integers(0, 9), st.text(max_size=8)),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(deadline=None)
@given(
    ROWS, st.sampled_from([None, 0, 2]), st.sampled_from(["array", "rows", "commas", "one line"]), st.integers(1, 64)
)
def test_rows_in_any_layout_become_one_per_line(
    rows: list[dict[str, Any]], indent: int | None, layout: str, block: int
) -> None:
    texts = [json.dumps(row, indent=indent) for row in rows]
    raw = {
        "array": json.dumps(rows, indent=indent) + "\n",
        "rows": "\n".join(texts),
        "commas": ",\n".join(texts),
        "one line": " ".join(json.dumps(row) for row in rows) + "\n",
    }[layout].encode()
    whole, reflow._BLOCK_BYTES = reflow._BLOCK_BYTES, block
    try:
        new, _ = copied(raw, copier(codes={"F010"}))
    finally:
        reflow._BLOCK_BYTES = whole
    assert [json.loads(line) for line in new.splitlines()] == rows
    assert copied(new, copier(codes={"F010"})) == (new, [])


def test_only_line_breaks_between_values_go() -> None:
    raw = b'{"messages" :  [ ],\n\n  "a":' + b" " * 50_000 + b'"\\" ,\\n"\r\n}\n'
    new, _ = copied(raw, copier(codes={"F010"}))
    assert new == b'{"messages" :  [ ], "a":' + b" " * 50_000 + b'"\\" ,\\n"}\n'


def test_a_change_names_the_line_that_was_read() -> None:
    pretty = json.dumps(chat(1), indent=2).encode()
    raw = json.dumps(chat(0)).encode() + b"\n" + pretty + b"\n" + json.dumps(chat(2, weight=True)).encode() + b"\n"
    _, changes = copied(raw)
    assert [(one.rule, one.line) for one in changes] == [("F010", 2), ("R030", 3 + pretty.count(b"\n"))]


@pytest.mark.parametrize(
    "broken",
    [
        b'{"messages": [\n',
        b'{\n  "messages": [\n    {"role": "user"\n',
        b'["a", "b"]\n',
        b"{} x {}\n",
        b'{"messages": "a\n',
        b"[1, {}]\n",
        b"hello\n",
    ],
)
def test_what_is_broken_stays_and_what_follows_is_still_mended(broken: bytes) -> None:
    good, flawed = (json.dumps(chat(n, **more)).encode() + b"\n" for n, more in ((1, {}), (2, {"weight": True})))
    new, changes = copied(good + broken + good + flawed)
    assert new == good + broken + good + flawed.replace(b"true", b"1")
    assert rules(changes) == ["R030"]


def test_an_array_that_breaks_off_keeps_its_rest() -> None:
    row = json.dumps(chat(1)).encode()
    new, changes = copied(b"[\n" + row + b",\n" + row[:-9] + b"\nrest\n")
    assert new == row + b"\n" + row[:-9] + b"\nrest\n"
    assert rules(changes) == ["F010"]


@pytest.mark.parametrize(
    ("target", "codes", "raw", "new"),
    [
        ("openai", {"F004"}, b"\xef\xbb\xbf{}\n", b"{}\n"),
        ("azure-openai", {"F004"}, b"\xef\xbb\xbf{}\n", None),
        ("azure-openai", {"F003"}, b"{}\n", b"\xef\xbb\xbf{}\n"),
        ("openai", {"F003"}, b"{}\n", None),
        ("azure-openai", {"F003"}, b"", None),
        ("openai", {"F005"}, b"{}\n\xef\xbb\xbf{}\n", b"{}\n{}\n"),
        ("openai", {"F011"}, b"\n{}\n \n{}\n\n", b"{}\n{}\n\n"),
        ("openai", {"F012"}, b"{}\r\n{}\r\n{}", b"{}\n{}\n{}"),
        ("openai", {"F015"}, rb'{"a": "\ud83d\ude00 \ud83d \\ud83d"}', rb'{"a": "\ud83d\ude00 \ufffd \\ud83d"}'),
        ("openai", {"F015"}, rb'{"a": "\ud83d"', None),
        ("openai", {"F002"}, b'{"a": "\xe9 \xc3\xa9 \x81"}', '{"a": "\u00e9 \u00e9 \u0081"}'.encode()),
        ("openai", {"F002"}, b"\x89PNG\x0d\x00\x1a", None),
        ("openai", {"F006"}, "\ufeff{}\n".encode("utf-16-be"), b"{}\n"),
        ("openai", {"F006"}, "{}\n".encode("utf-16-le") + b"\n", b"{}\n"),
        ("openai", {"F006"}, "\ufeff{}\r\n".encode("utf-32-le"), b"{}\r\n"),
    ],
)
def test_lines_and_encodings_are_mended(target: str, codes: set[str], raw: bytes, new: bytes | None) -> None:
    found, changes = copied(raw, copier(target, unsafe=True, codes=codes))
    assert found == (raw if new is None else new)
    assert bool(changes) == (new is not None)
    assert copied(found, copier(target, unsafe=True, codes=codes)) == (found, [])


def test_a_file_in_another_encoding_stays_without_the_unsafe_fix() -> None:
    raw = '{"messages": []}\r\n\r\n'.encode("utf-16")
    assert copied(raw) == (raw, [])


def test_all_of_it_together() -> None:
    flawed = {"messages": [{"role": "human", "content": "Hi?"}, {"role": "gpt", "content": "Yes.", "weight": True}]}
    raw = b"\xef\xbb\xbf" + json.dumps([flawed, chat(1)], indent=1).replace("\n", "\r\n").encode()
    new, changes = copied(raw)
    assert [json.loads(line)["messages"][0]["role"] for line in new.splitlines()] == ["user", "user"]
    assert rules(changes) == ["F004", "F010", "R005", "R005", "R030"]


def test_repeated_rows_and_rows_of_both_parts() -> None:
    made = copier(unsafe=True)
    row = [json.dumps(chat(n)).encode() + b"\n" for n in range(3)]
    other = json.dumps(chat(1, content="No.")).encode() + b"\n"
    assert copied(row[0] + row[1] + row[0], made)[0] == row[0] + row[1]
    assert copied(row[1] + row[2], made)[0] == row[2], "files are one corpus"
    new, changes = copied(row[0] + other + b'{"messages": 1}\n', made, "validation")
    assert (new, rules(changes)) == (b'{"messages": 1}\n', ["X001", "X002"])


def test_no_text_stands_in_a_change() -> None:
    secret = "marked-secret"
    row = chat(content=f"{secret}\u200b", weight=True, mood=secret) | {f"{secret} key": 1, "Tools": secret}
    _, changes = copied(json.dumps(row).encode(), copier(unsafe=True))
    assert len(changes) >= 4
    assert secret not in str(changes)


def test_a_fix_that_breaks_another_rule_is_not_made() -> None:
    row = chat(weight=False) | {"Tools": []}
    new, changes = copied(json.dumps(row).encode())
    assert rules(changes) == ["F023"], "weight 0 alone would leave nothing to train on"
    assert json.loads(new)["messages"][1]["weight"] is False


@pytest.mark.parametrize(("before", "between", "after"), [(b"", b"\n", b""), (b"[", b",\n", b"]")])
def test_memory_does_not_grow_with_the_file(
    before: bytes, between: bytes, after: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflow, "_BLOCK_BYTES", 1 << 14)
    monkeypatch.setattr(reading, "BUFFER_BYTES", 1 << 14)
    rows = b"".join(json.dumps(chat(n, weight=(1, 1.0)[n == 7])).encode() + between for n in range(100))

    class Endless(io.RawIOBase):
        """A file that is made while it is read."""

        def __init__(self, times: int) -> None:
            self._left = iter([before, *[rows] * times, after])
            self._part = b""

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self._part = self._part or next((one for one in self._left if one), b"")
            size = min(len(buffer), len(self._part))
            buffer[:size], self._part = self._part[:size], self._part[size:]
            return size

    def peak(times: int) -> int:
        stream = unpacked_lines(cast("BinaryIO", Endless(times)), "-")
        tracemalloc.start()
        changes: deque[Change] = deque(maxlen=1)
        copied_bytes = sum(len(block) for block in copier().blocks(stream, "train", changes.append))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert copied_bytes > times * 8_000
        return most

    def peak_alone(times: int) -> int:
        """The peak in a process of its own: other threads of the test runner allocate too."""
        context = multiprocessing.get_context("fork")
        receiving, sending = context.Pipe(duplex=False)
        child = context.Process(target=lambda: sending.send(peak(times)))
        child.start()
        assert receiving.poll(120)
        child.join()
        return int(receiving.recv())

    peak(1)
    assert peak_alone(20) < peak_alone(4) + (1 << 16)
