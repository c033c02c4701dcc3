"""What is planted in sources or replies: nothing personal reaches the endpoint or the rows, and copies are dropped."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said
from secret_samples import SAMPLES

from service.data import rule_files
from service.synth.overlap import Runs
from service.synth.rulebook import limits
from tests.synth.conftest import PASSAGES, Ask, good, invented, passage_of, row

PLANTED = ("carla.weiss@quokkas.org", "DE89 3704 0044 0532 0130 00", "+49 30 901820")
KEY = SAMPLES["SECRET_GITHUB_TOKEN"][0][1](Random(3))


@pytest.fixture
def planted(docs: Path) -> list[str]:
    """Values in a document: at its begin, across what a chunk holds, in the middle of a long paragraph."""
    values = [*PLANTED, KEY]
    mail, iban, phone, key = values
    words = invented("filler", 400).split()
    words[201:201] = f"Pay to {iban} today.".split()
    (docs / "planted.txt").write_text(
        f"{mail} wrote first and called from {phone} later.\n\n{' '.join(words)}\n\n"
        f"The deploy key is {key} for now.\n\nAsk {mail} again.\n"
    )
    return values


def everything(*folders: str) -> str:
    """Every byte that a run left in the working folder."""
    found = [path for path in Path().rglob("*") if path.is_file() and "docs" not in path.parts]
    return "".join(path.read_bytes().decode(errors="replace") for path in found)


def test_a_name_of_a_file_may_be_somebodys(docs: Path, ask: Ask) -> None:
    folder = docs / "emil.roth@quokkas.org"
    folder.mkdir()
    (folder / "note.md").write_text("Lamps that flicker are taken back, and the new one is sent within three days.\n")
    (folder / "empty.md").write_text("")
    made = ask().record
    assert "emil.roth" not in everything()
    assert [one.name for one in made.sources if "note" in one.name] == ["<EMAIL_ADDRESS_1>/note.md"]


def test_nothing_personal_is_sent_or_written(planted: list[str], endpoint: Endpoint, ask: Ask) -> None:
    made = ask(chunk_tokens=60).record
    sent = json.dumps(endpoint.bodies)
    for value in planted:
        for part in {value, value.replace(" ", ""), *value.split(" ")[:3]}:
            if len(part) > 3:
                assert part not in sent, value
        assert value not in everything()
    assert made.redacted["EMAIL_ADDRESS"] == 2
    assert made.redacted["IBAN_CODE"] == 1
    tags = [passage_of(body).count("<EMAIL_ADDRESS_1>") for body in endpoint.bodies]
    assert sum(tags) == 2, "one value has one name in all chunks of a document"


@pytest.mark.parametrize("personal", ["drop", "redact"])
def test_what_the_model_makes_up_is_looked_at_too(docs: Path, endpoint: Endpoint, ask: Ask, personal: str) -> None:
    def leaks(body: dict[str, Any], number: int) -> Said:
        said = json.loads(good(body, number).text or "")
        more = " Write to dora.klein@quokkas.org." if passage_of(body) == PASSAGES[0] else ""
        return row(said["question"], said["answer"] + more)

    endpoint.rule = leaks
    made = ask(rows=12, personal=personal).record
    assert "dora.klein" not in everything().replace(_answers(), "")
    assert made.personal["EMAIL_ADDRESS"] >= 1
    assert made.output is not None
    assert made.output.rows == 12, "other rows take the place of those that are dropped"
    text = Path("out.jsonl").read_text()
    if personal == "drop":
        assert made.rejected == {"SYN-060": made.personal["EMAIL_ADDRESS"]}
        assert "EMAIL_ADDRESS" not in text
    else:
        assert made.rejected == {}
        assert text.count("<EMAIL_ADDRESS_1>") == made.personal["EMAIL_ADDRESS"]


def _answers() -> str:
    """The work folder's lines: what a model wrote stays there, readable by its owner alone, until the set passes."""
    path = Path("out.jsonl.work/answers.jsonl")
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("what", ["passage", "changed", "own"])
def test_copied_passages_are_dropped(docs: Path, endpoint: Endpoint, ask: Ask, what: str) -> None:
    def copies(body: dict[str, Any], number: int) -> Said:
        passage = passage_of(body)
        if passage != PASSAGES[0]:
            return good(body, number)
        if what == "changed":
            # every fifth word another one: no long run is left
            passage = " ".join("indeed" if n % 12 == 7 else one for n, one in enumerate(passage.split()))
        question = invented(str(number), 3) if what == "changed" else f"{invented(str(number), 12)}?"
        return row(question, passage if what != "own" else f"{invented(passage, 30)}.")

    endpoint.rule = copies
    made = ask(rows=4).record
    copied = sum(made.rejected.get(rule, 0) for rule in ("SYN-080", "SYN-090"))
    assert bool(copied) == (what != "own")
    text = Path("out.jsonl").read_text()
    assert made.output is not None
    assert PASSAGES[0][:40] not in text


def test_tags_of_redaction_are_no_training_data(planted: list[str], endpoint: Endpoint, ask: Ask) -> None:
    def names(body: dict[str, Any], number: int) -> Said:
        said = json.loads(good(body, number).text or "")
        return row(said["question"], f"{said['answer']} Write to <EMAIL_ADDRESS_1>.")

    endpoint.rule = names
    made = ask(rows=4).record
    assert (made.verdict, made.output) == ("fail", None)
    assert set(made.rejected) == {"SYN-070"}
    assert not Path("out.jsonl").exists()


def test_runs_of_words_are_measured() -> None:
    text = invented("a source", 60)
    runs = Runs([text])
    words = text.split()
    copied = runs.copied(" ".join([*invented("x", 10).split(), *words[20:33], *invented("y", 10).split()]))
    assert copied.run == 13 == limits(rule_files()).copied_run_words.value
    assert runs.copied(" ".join(words[20:32])).run == 12
    assert runs.copied(text).share == 1.0
    assert runs.copied("four words are few") == (0, 0.0)
    assert Runs([]).copied(text) == (0, 0.0)
