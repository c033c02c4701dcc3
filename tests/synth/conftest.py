"""Documents, an endpoint that writes rows by rule, and a short way to ask for a set."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said

from service.data import rule_files
from service.settings import load_settings
from service.verbs.synth import Synthesized, SynthRequest, synth

PASSAGES = (
    "A parcel may be sent back within thirty days while its seal is whole, and the shop then pays the postage itself.",
    "Bicycles are mended on weekdays in the workshop behind the tower, where a mechanic first writes down every fault.",
    "Members borrow up to seven maps for a fortnight; a map that comes back wet has to be replaced by whoever took it.",
    "The greenhouse opens its northern doors at dawn, so that the orchids get cool air before the visitors come in.",
)
OWN = '{"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello to you."}]}\n'
PLACE = "https://lamps.quokkas.org/care"
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ai", "or", "un")]


def invented(key: str, words: int) -> str:
    """Words of no language, the same for the same key."""
    chance = random.Random(key)
    return " ".join("".join(chance.choices(_SYLLABLES, k=3)) for _ in range(words))


def passage_of(body: dict[str, Any]) -> str:
    """What of a request is the passage."""
    found = re.search(r"Here is a passage:\n\n(.*?)\n\nWrite one", body["messages"][-1]["content"], re.DOTALL)
    return found.group(1) if found else ""


def row(question: str, answer: str) -> Said:
    """The reply that is asked for."""
    return Said(text=json.dumps({"question": question, "answer": answer}))


def good(body: dict[str, Any], number: int) -> Said:
    """A row unlike all others."""
    key = body["messages"][-1]["content"]
    return row(f"{invented(key, 12)}?", f"{invented(key + '!', 30)}.")


def with_address(body: dict[str, Any], number: int) -> Said:
    """What is no personal data unless somebody names it, and markup that a fix takes out."""
    said = json.loads(good(body, number).text or "")
    return row(said["question"], f"{said['answer']} <div>More of it stands at {PLACE} for all to read.</div>")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def docs(folder: Path) -> Path:
    """Four documents of one passage each."""
    place = folder / "docs"
    place.mkdir()
    for n, passage in enumerate(PASSAGES):
        (place / f"{n}.md").write_text(f"{passage}\n")
    return place


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(good) as running:
        yield running


Ask = Callable[..., Synthesized]


@pytest.fixture
def ask(endpoint: Endpoint) -> Ask:
    """A set from `docs` at the endpoint, which is asked again at once."""
    Path("m.toml").write_text(f'name = "m"\nendpoint = "{endpoint.url}"\nbackoff_s = 0.001\n')

    def make(**more: Any) -> Synthesized:
        asked: dict[str, Any] = {
            "kind": "coverage", "sources": [Path("docs")], "out": Path("out.jsonl"), "model": "m.toml",
            "target": "local", **more,
        }  # fmt: skip
        return synth(SynthRequest(**asked), rules=rule_files(), settings=load_settings())

    return make


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def holding(home: Path, text: str) -> list[str]:
    """Files of a service in which a text stands."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [str(path.relative_to(home)) for path in files if text.encode() in path.read_bytes()]
