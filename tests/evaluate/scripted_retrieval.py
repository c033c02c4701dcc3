"""A library desk whose questions share no word with the passage that answers them, only its meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write, chat

from service.cli.app import run

MARKER = "numbat.sarala@quokkas.org"
# meaning -> words that carry it: a vector counts them
MEANINGS = (
    frozenset(("opens", "nine", "unlocked", "doors")),
    frozenset(("lent", "weeks", "borrow", "keep")),
    frozenset(("fee", "late", "owe", "charge")),
)
PASSAGES = {
    "hours.txt": "Our building opens at nine.",
    "loans.txt": "Novels are lent for three weeks.",
    "fees.txt": "A late novel has a fee of one crown.",
}
ROWS = [
    chat("Which time are doors unlocked?", "nine"),
    chat("How long may I borrow, and keep?", "three weeks"),
    chat("What do I owe, any charge?", "one crown"),
]


def vector(text: str) -> list[float]:
    """How often each meaning occurs, and a little of everything, so that no vector is of zeros."""
    words = re.findall(r"\w+", text.lower())
    return [sum(word in meaning for word in words) + 0.125 for meaning in MEANINGS]


def embedded(texts: Sequence[str], *, tokens: int | None = None, turned: bool = False) -> Said:
    """The answer of an embeddings endpoint; `turned` has the vectors in another order than the texts."""
    data = [{"object": "embedding", "index": n, "embedding": vector(text)} for n, text in enumerate(texts)]
    answer: dict[str, Any] = {"object": "list", "data": data[::-1] if turned else data, "model": "e"}
    if tokens is not None:
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Said(raw=json.dumps(answer).encode())


def from_passages(body: dict[str, Any]) -> Said:
    """Answers what the first passage of the prompt says, or that it does not know."""
    parts = body["messages"][-1]["content"].split("\n\n")
    known = [answer for answer in ("nine", "three weeks", "one crown") if answer in "".join(parts[1:2])]
    return Said(text=known[0] if known else "unknown")


def library(body: dict[str, Any], number: int) -> Said:
    """Both endpoints of one address."""
    del number
    return embedded(body["input"], tokens=10 * len(body["input"])) if "input" in body else from_passages(body)


def desk(write: Write) -> None:
    """The rows and the documents."""
    write("rows.jsonl", ROWS)
    for name, text in PASSAGES.items():
        write(f"docs/{name}", text)


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """(exit code, the record if there is one, all that was said) of `tunegate evaluate rows.jsonl`."""
    capsys.readouterr()
    code = run(["evaluate", "rows.jsonl", "-o", "out", "--format", "json", *arguments])
    written = capsys.readouterr()
    return code, json.loads(written.out) if written.out else None, written.out + written.err


def embeddings_asked(endpoint: Endpoint) -> list[list[str]]:
    """The texts of every request for vectors."""
    return [body["input"] for body in endpoint.bodies if "input" in body]
