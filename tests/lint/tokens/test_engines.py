"""Every engine gives tiktoken's count, whatever the text."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lint.tokens.characters import comparable
from service.lint.tokens.encodings import RANKS
from service.lint.tokens.engines import tiktoken_engine, toktok_engine

ENCODINGS = ("o200k_base", "cl100k_base")
# what tokenizers stumble over: contractions, runs, joiners, marks, digits of all kinds, markers, halves of surrogates
PIECES = [
    "a", "Z", "the", "ing", " ", "  ", "    ", "\n", "\r\n", "\r", "\t", "\x0b", "\x85", "\xa0", "\u3000", "\u2028",
    "\x00", "'s", "'S", "'t", "'re", "'VE", "'m", "'ll", "'LL", "'d", "'", "\u2019s", "1", "12", "123", "1234",
    "\u0663", "\u00bd", "\u2177", "\U0001d7d8", "e\u0301", "\u00e9", "\u0130", "\u017f", "\u01c5", "\ufb01", "\u02bc",
    "\u200d", "\u200c", "\ufeff", "\u202e", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd",
    "\U0001f1f5\U0001f1ed", "\u4e2d", "\u6f22\u5b57", "\u306e", "\ud55c\uad6d\uc5b4", "\u0e01\u0e33",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0645\u0631\u062d\u0628\u0627", "<|endoftext|>", "<|endofprompt|>",
    "<|im_start|>", "<|fim_prefix|>", "[INST]", "</s>", "\ud800", "\udfff", "\ud83d\ude00", "!", "...", "/", "//\n",
    "_", "-----", "=" * 40, "a" * 100, "\u00e9" * 60, '{"k":[1,2]}', "    return x\n", "\U0010ffff", "\ue000",
    "\U000e0041",
]  # fmt: skip
TEXTS = [
    "", " ", "\n\n\n", "Hello, world!", "It's John's; they'LL've gone, I'd say.", " " * 1000, "x" * 20_000,
    "\n" * 5_000, "def f(x):\n\treturn x ** 2  # squares\n\n\n", "2026-11-21T08:00:00Z 1234567890 3.14159 1e-9",
    "caf\u00e9 cafe\u0301", "\u56fe\u4e66\u9986\u4eca\u5929\u51e0\u70b9\u5f00\u95e8\uff1f" * 40, "a\ud800b", "\udc00",
    "<|endoftext|>" * 20,
]  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
any_text = st.text(st.characters(), max_size=60)


def reference(name: str) -> Any:
    from tiktoken import get_encoding

    return get_encoding(name)


def counts(name: str, texts: list[str]) -> list[list[int]]:
    engines = [toktok_engine(name), tiktoken_engine(name)]
    assert all(engines)
    return [engine(texts) for engine in engines if engine]


@pytest.mark.parametrize("name", ENCODINGS)
def test_both_engines_count_the_fixed_texts_as_tiktoken_does(ranks: Path, name: str) -> None:
    wanted = [len(reference(name).encode_ordinary(text)) for text in TEXTS]
    assert counts(name, TEXTS) == [wanted, wanted]


@pytest.mark.parametrize("name", ENCODINGS)
@given(texts=st.lists(st.one_of(pieces, any_text), min_size=1, max_size=30))
@settings(max_examples=150)
def test_both_engines_agree_on_any_text_and_with_tiktoken_on_settled_text(
    ranks: Path, name: str, texts: list[str]
) -> None:
    fast, slow = counts(name, texts)
    assert fast == slow
    settled = [text for text in texts if text == comparable([text])[0]]
    assert counts(name, settled)[0] == [len(reference(name).encode_ordinary(text)) for text in settled]


@pytest.mark.parametrize("name", ENCODINGS)
def test_both_engines_agree_on_twenty_thousand_odd_texts(ranks: Path, name: str) -> None:
    chance = random.Random(11)
    texts = ["".join(chance.choices(PIECES, k=chance.randint(0, 30))) for _ in range(20_000)]
    fast, slow = counts(name, texts)
    assert [ascii(t) for t, a, b in zip(texts, fast, slow, strict=True) if a != b] == []


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("around", ["{}'t", "a{}'ll 12{}3", " {}\n{}/"])
def test_both_engines_agree_on_every_code_point(ranks: Path, name: str, around: str) -> None:
    # the astral planes in steps, but all of the letters that Unicode 17 added
    points = [*range(0xD800), *range(0xE000, 0x20000), *range(0x20000, 0x110000, 97), *range(0x323B0, 0x33480)]
    texts = [around.replace("{}", chr(point)) for point in points]
    fast, slow = counts(name, texts)
    assert [hex(p) for p, a, b in zip(points, fast, slow, strict=True) if a != b] == []


@pytest.mark.parametrize("name", ENCODINGS)
def test_both_engines_agree_on_a_long_s_among_apostrophes(ranks: Path, name: str) -> None:
    texts = ["".join(one) for length in range(9) for one in itertools.product("'\u017fS", repeat=length)]
    fast, slow = counts(name, texts)
    assert [ascii(t) for t, a, b in zip(texts, fast, slow, strict=True) if a != b] == []


def test_lone_surrogates_count_as_replacement_characters_and_pairs_as_what_they_mean() -> None:
    (count,) = [engine for engine in [toktok_engine("o200k_base")] if engine]
    assert count(["a\ud800b", "\ud83d\ude00"]) == count(["a\ufffdb", "\U0001f600"])


def test_text_that_needs_no_change_is_passed_on_untouched() -> None:
    texts = ["plain", "caf\u00e9", "\u4e2d\u6587 \U0001f44d", "'\u017f'x", "\U000323b0"]
    assert [a is b for a, b in zip(texts, comparable(texts), strict=True)] == [True, True, True, False, False]


def test_special_token_text_is_no_special_token() -> None:
    (count,) = [engine for engine in [toktok_engine("o200k_base")] if engine]
    assert count(["<|endoftext|>"]) == [7]


def test_tiktoken_does_not_count_without_whole_ranks_and_leaves_foreign_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / RANKS["o200k_base"].cache_name
    foreign.write_bytes(b"IQ== 0\n")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert tiktoken_engine("o200k_base") is None
    assert tiktoken_engine("cl100k_base") is None
    assert foreign.read_bytes() == b"IQ== 0\n"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert tiktoken_engine("o200k_base") is None
