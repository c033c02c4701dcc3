"""Every sequence of bytes gets a report that keeps the laws, and no report repeats a text of its rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lint_laws import CANARY, TARGETS, judge, seeds
from lint_rows import ROWS, places, planted

from service.verbs.lint import METHODS

rows = st.builds(
    lambda row, plants: [row := planted(row, *plant) for plant in plants][-1] if plants else row,
    st.sampled_from(ROWS),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 2)), max_size=3),
)


def spliced(what: bytes) -> Callable[[bytes, int], bytes]:
    """Puts bytes somewhere into the data."""
    return lambda raw, at: raw[: at % (len(raw) + 1)] + what + raw[at % (len(raw) + 1) :]


def in_place_of(old: bytes, new: bytes) -> Callable[[bytes, int], bytes]:
    """Puts bytes in place of the n-th occurrence of others."""

    def mutated(raw: bytes, at: int) -> bytes:
        pieces = raw.split(old)
        cut = at % len(pieces) or 1
        return old.join(pieces[:cut]) + (new if len(pieces) > 1 else b"") + old.join(pieces[cut:])

    return mutated


def recoded(encoding: str) -> Callable[[bytes, int], bytes]:
    return lambda raw, at: raw.decode("utf-8", "replace").encode(encoding)


DEEP = 1_500
MUTATIONS: dict[str, Callable[[bytes, int], bytes]] = {
    "flip": lambda raw, at: bytes(one ^ (1 + at % 255) * (i == at % len(raw)) for i, one in enumerate(raw)),
    "cut": lambda raw, at: raw[: at % (len(raw) + 1)],
    "drop": lambda raw, at: raw[: at % (len(raw) + 1)] + raw[at % (len(raw) + 1) + 1 + at % 7 :],
    "twice": lambda raw, at: raw[: at % (len(raw) + 1)] + raw,
    "NUL": spliced(b"\0"), "NUL escape": in_place_of(b'"', b'"\\u0000'), "control": spliced(b"\x0b"),
    "mark": lambda raw, at: b"\xef\xbb\xbf" + raw, "mark inside": spliced(b"\xef\xbb\xbf"),
    "half mark": spliced(b"\xef\xbb"),
    "UTF-16": recoded("utf-16"), "UTF-16BE": recoded("utf-16-be"), "UTF-16LE": recoded("utf-16-le"),
    "UTF-32": recoded("utf-32"), "latin-1": lambda raw, at: raw + "caf\u00e9\n".encode("latin-1"),
    "CRLF": lambda raw, at: raw.replace(b"\n", b"\r\n"), "CR": lambda raw, at: raw.replace(b"\n", b"\r"),
    "separators": spliced("\u2028\x85".encode()), "blank": in_place_of(b"\n", b"\n \n\n"),
    "array": lambda raw, at: b"[" + raw.strip().replace(b"\n", b",\n") + b"]",
    "pretty": lambda raw, at: raw.replace(b", ", b",\n  ").replace(b"{", b"{\n"),
    "two a line": in_place_of(b"\n", b" "), "commas": in_place_of(b"\n", b",\n"), "comment": spliced(b"// x\n"),
    "surrogate": in_place_of(b'"', b'"\\ud800'), "pair": in_place_of(b'"', b'"\\ud83d\\ude00'),
    "low": in_place_of(b'"', b'"\\udc00'), "escape": in_place_of(b'"', b'"\\x'), "invalid": spliced(b"\xc0\xaf\xff"),
    "NaN": in_place_of(b": ", b": NaN"), "Infinity": in_place_of(b": ", b": -Infinity,"),
    "huge": in_place_of(b": ", b": " + b"9" * 5_000), "exponent": in_place_of(b": ", b": 1e999999"),
    "same key": in_place_of(b"{", b'{"role": 1, "messages": 2, "content": "' + CANARY.encode() + b'", '),
    "canary key": in_place_of(b"{", b'{"' + CANARY.encode() + b'": 0, "' + CANARY.encode() + b'": 1, '),
    "loose canary": in_place_of(b"\n", b"\n" + CANARY.encode() + b"\n"),
    "deep": in_place_of(b": ", b": " + b"[" * DEEP + b"]" * DEEP + b', "x": '),
    "deep objects": in_place_of(b": ", b": " + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b', "x": '),
    "open": in_place_of(b": ", b": " + b"[" * DEEP), "long": in_place_of(b'"', b'"' + CANARY.encode() * 2_000),
    "long line": lambda raw, at: raw.replace(b"\n", b" " * 20_000),
    "gzip": lambda raw, at: gzip.compress(raw), "gzip cut": lambda raw, at: gzip.compress(raw)[: -1 - at % 20],
    "gzip head": lambda raw, at: b"\x1f\x8b" + raw, "zstd head": lambda raw, at: b"\x28\xb5\x2f\xfd" + raw,
    "gzip bomb": lambda raw, at: gzip.compress(bytes(1 << 20)), "zstd": lambda raw, at: zstandard.compress(raw),
}  # fmt: skip


def data_of(found: list[Any], mutations: list[tuple[str, int]]) -> bytes:
    """Rows as lines, then mutated."""
    raw = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in found)
    for name, at in mutations:
        raw = MUTATIONS[name](raw, at)
    return raw


anything = st.one_of(
    st.builds(
        data_of,
        st.lists(rows, min_size=1, max_size=3),
        st.lists(st.tuples(st.sampled_from(sorted(MUTATIONS)), st.integers(0, 4_000)), max_size=3),
    ),
    st.binary(max_size=80),
    st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b":", b",", b"\n", b"\\", b"messages", b"1", b"\xff"])).map(
        b"".join
    ),
)


@given(anything, st.sampled_from(TARGETS), st.sampled_from(METHODS), st.sampled_from([0, 1, 20]))
@settings(max_examples=200, deadline=None)
@example(b"", "local", "sft", 20)
def test_any_bytes_get_a_lawful_report(raw: bytes, target: str, method: str, most: int) -> None:
    judge(raw, target, method, most)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_of_a_row_gets_one_for_every_method(name: str, method: str) -> None:
    for at, row in enumerate(ROWS):
        judge(data_of([row, planted(row, 7 * at, at, at)], [(name, 31 * at)]), TARGETS[at % len(TARGETS)], method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_canary_in_any_place_is_never_repeated(target: str, method: str) -> None:
    lines = [
        planted(row, place, 7 * place + number, how)
        for number, row in enumerate(ROWS) for place in range(len(places(row))) for how in range(3)
    ]  # fmt: skip
    report = judge(data_of(lines, []), target, method, 0)
    assert report is not None
    assert report.summary.errors > len(lines) / 4


@pytest.mark.parametrize("target", TARGETS)
def test_the_documented_examples_get_one(target: str) -> None:
    # every third one, so that each meets two targets
    for number, raw in list(enumerate(seeds()))[TARGETS.index(target) % 3 :: 3]:
        judge(raw, target, METHODS[number // 3 % len(METHODS)])
