"""Folders of documents: what becomes passages, what is passed over, and which passages a question finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_endpoint import Write

from service.errors import TuneGateError
from service.evaluate.documents import Passage, cut, read_documents
from service.evaluate.retrieval import PassageIndex


def words(text: str) -> int:
    return len(text.split())


def test_every_kind_of_document_becomes_text(write: Write) -> None:
    write("docs/a.txt", "First paragraph\nstill first.\n\nSecond one.\n")
    write("docs/b/page.html", "<html><head><title>no</title><style>p{}</style></head><p>Open <b>at</b> nine.<p>Ask us.")
    write("docs/c.csv", "book;shelf\nAtlas;4\nNovel;7\n")
    write("docs/d.json", '[{"name": "Desk", "hours": {"from": 9, "to": null}}, {"name": "Room"}]')
    write("docs/e.jsonl", '{"x": "one"}\n{"x": "two"}\n')
    found = read_documents(Path("docs"), passage_tokens=4, count=words)
    assert [(one.id, one.text) for one in found.passages] == [
        ("a.txt#1", "First paragraph\nstill first."),
        ("a.txt#2", "Second one."),
        ("b/page.html#1", "Open at nine."),
        ("b/page.html#2", "Ask us."),
        ("c.csv#1", "book: Atlas; shelf: 4"),
        ("c.csv#2", "book: Novel; shelf: 7"),
        ("d.json#1", "name: Desk; from: 9"),
        ("d.json#2", "name: Room"),
        ("e.jsonl#1", "x: one\n\nx: two"),
    ]
    assert (found.described["files"], found.described["passages"], found.described["passed_over"]) == (5, 9, [])


def test_what_is_passed_over_is_listed(write: Write) -> None:
    write("docs/a.txt", "Text.")
    write("docs/empty.md", " \n")
    write("docs/broken.json", "{not json")
    write("docs/picture.png", "x")
    Path("docs/zero.txt").write_bytes(b"a\0b")
    Path("docs/latin.txt").write_bytes("café".encode("latin-1"))
    before = read_documents(Path("docs"), passage_tokens=9, count=words).described
    assert {one["what"]: one["why"] for one in before["passed_over"]} == {
        "empty.md": "without text", "broken.json": "damaged", "picture.png": "another kind of file",
        "zero.txt": "binary", "latin.txt": "binary, or not UTF-8",
    }  # fmt: skip
    write("docs/a.txt", "Other text.")
    assert read_documents(Path("docs"), passage_tokens=9, count=words).described["sha256"] != before["sha256"]


@pytest.mark.parametrize("content", [None, b"a\0b"])
def test_an_empty_or_binary_folder_is_refused(content: bytes | None) -> None:
    Path("docs").mkdir()
    if content is not None:
        Path("docs/only.txt").write_bytes(content)
    with pytest.raises(TuneGateError) as raised:
        read_documents(Path("docs"), passage_tokens=9, count=words)
    assert raised.value.exit_code == 2
    assert [one.where for one in raised.value.errors] == ([] if content is None else ["only.txt"])
    with pytest.raises(TuneGateError, match="no folder"):
        read_documents(Path("nowhere"), passage_tokens=9, count=words)


@given(
    st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=30).map(" ".join), max_size=8), st.integers(1, 9)
)
def test_passages_hold_every_word_once_and_are_never_too_long(paragraphs: list[str], most: int) -> None:
    found = cut(paragraphs, most, words)
    assert " ".join(found).split() == " ".join(paragraphs).split()
    assert all(words(one) <= most for one in found)


def test_a_question_finds_the_passages_that_share_its_words() -> None:
    texts = [
        "The library opens at nine.",
        "Books are lent for three weeks.",
        "Quokkas live on islands.",
        "Quokkas live.",
    ]
    index = PassageIndex([Passage(f"a#{n}", text) for n, text in enumerate(texts)])
    assert index.texts("When does the LIBRARY open?", 2) == [texts[0]]
    assert index.texts("quokkas", 4) == [texts[3], texts[2]]
    assert index.texts("quokkas, books", 1) == [texts[1]]
    assert index.texts("xyzzy", 3) == index.texts("", 3) == index.texts("?!", 3) == []


def test_equal_passages_come_in_their_order() -> None:
    index = PassageIndex([Passage(f"a#{n}", f"same words {'x' if n == 2 else 'y'}") for n in range(5)])
    assert index.texts("y", 3) == ["same words y"] * 3
    assert index.texts("x same", 2)[0] == "same words x"


def test_passages_without_a_word_find_nothing() -> None:
    assert PassageIndex([Passage("a#1", "***"), Passage("a#2", "---")]).texts("what?", 2) == []
