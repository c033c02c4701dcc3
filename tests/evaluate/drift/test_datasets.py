"""tunegate drift on datasets: planted changes are found and named, none is made up, and no text is told."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.cli.app import run
from service.lint import workers
from service.records.drift import DriftReport

ROOT = Path(__file__).resolve().parents[3]
WORDS = [f"quokka{n}" for n in range(300)]
OTHERS = [f"wombat{n}" for n in range(300)]
Row = dict[str, Any]


def chats(count: int, seed: int, *, words: Sequence[str] = WORDS, size: int = 30, turns: int = 1) -> list[Row]:
    """Conversations of random words."""
    chance = random.Random(seed)

    def text() -> str:
        return " ".join(chance.choices(words, k=chance.randint(size - 10, size + 10)))

    rows = []
    for _ in range(count):
        said = [{"role": who, "content": text()} for _ in range(turns) for who in ("user", "assistant")]
        rows.append({"messages": [{"role": "system", "content": "Be brief."}, *said]})
    return rows


def classes(count: int, seed: int, rare: float) -> list[Row]:
    """Answers that are one of two labels."""
    rows, chance = chats(count, seed), random.Random(seed)
    for row in rows:
        row["messages"][-1]["content"] = "quokka-a" if chance.random() < rare else "quokka-b"
    return rows


def calls(count: int, seed: int, tools: int) -> list[Row]:
    """Rows with so many declared tools, of which the last is called."""
    rows = chats(count, seed)
    for row in rows:
        names = [f"quokka_tool_{n}" for n in range(tools)]
        call = {"id": "c1", "type": "function", "function": {"name": names[-1], "arguments": "{}"}}
        row["messages"][-1] = {"role": "assistant", "tool_calls": [call]}
        row["tools"] = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in names]
    return rows


def write(name: str, rows: Sequence[Any]) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def report(*arguments: str) -> tuple[int, DriftReport]:
    code = run(["drift", *arguments, "--target", "openai", "--format", "json", "--output", "drift.json"])
    return code, msgspec.json.decode(Path("drift.json").read_bytes(), type=DriftReport)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (lambda: chats(2_500, 1), lambda: chats(2_500, 2), set()),
        (lambda: chats(600, 1), lambda: chats(600, 2, size=40), {"DRF-010", "DRF-011", "DRF-012"}),
        (lambda: chats(600, 1), lambda: chats(600, 2, words=OTHERS[:150] + WORDS[:150]), {"DRF-040"}),
        (lambda: chats(600, 1), lambda: chats(600, 2, turns=2), {"DRF-020", "DRF-010", "DRF-011"}),
        (lambda: chats(600, 1), lambda: [{"messages": row["messages"][1:]} for row in chats(600, 2)],
         {"DRF-021", "DRF-020"}),
        (lambda: classes(1_500, 1, 0.1), lambda: classes(1_500, 2, 0.5), {"DRF-030", "DRF-031"}),
        (lambda: calls(600, 1, 2), lambda: calls(600, 2, 5), {"DRF-050", "DRF-051"}),
    ],
    ids=["nothing", "length", "vocabulary", "turns", "roles", "labels", "tools"],
)  # fmt: skip
def test_what_was_planted_is_found(
    before: Callable[[], list[Row]], after: Callable[[], list[Row]], expected: set[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write("before.jsonl", before())
    write("after.jsonl", after())
    code, found = report("before.jsonl", "after.jsonl")
    rules = {one.rule for one in found.findings}
    assert expected <= rules
    # what a change drags along may be found too: longer rows have other words in the end, other tools more characters
    assert bool(rules) == bool(expected)
    assert (code, found.verdict) == ((1, "drifted") if expected else (0, "stable"))
    assert run(["drift", "before.jsonl", "after.jsonl", "--target", "openai", "--format", "html"]) == code
    assert run(["drift", "before.jsonl", "after.jsonl", "--target", "openai"]) == code
    said = capsys.readouterr()
    assert all(word not in f"{said}{Path('drift.json').read_text()}" for word in ("quokka", "wombat"))


def test_few_rows_are_undecided() -> None:
    write("before.jsonl", chats(40, 1))
    write("after.jsonl", chats(40, 2, size=90))
    code, found = report("before.jsonl", "after.jsonl")
    assert (code, found.verdict, found.findings) == (1, "undecided", [])
    assert all(one.effect is None and one.why for one in found.compared)


def test_how_a_file_is_packed_and_by_how_many_it_is_read_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*chats(500, 1), *calls(200, 3, 2), *classes(100, 4, 0.2)]
    write("before.jsonl", rows)
    write("after.jsonl", chats(500, 2))
    Path("packed.jsonl.gz").write_bytes(gzip.compress(Path("before.jsonl").read_bytes()))
    _, plain = report("before.jsonl", "after.jsonl")
    _, packed = report("packed.jsonl.gz", "after.jsonl")
    monkeypatch.setattr(workers, "STRETCH_BYTES", 20_000)
    _, sharded = report("before.jsonl", "after.jsonl", "--workers", "2")
    assert (sharded.id, sharded.compared) == (plain.id, plain.compared)
    assert packed.compared == plain.compared


def test_the_id_is_of_the_content() -> None:
    write("before.jsonl", chats(300, 1))
    write("elsewhere.jsonl", chats(300, 1))
    _, one = report("before.jsonl", "before.jsonl")
    _, other = report("elsewhere.jsonl", "before.jsonl")
    _, seeded = report("elsewhere.jsonl", "before.jsonl", "--seed", "5")
    assert one.id == other.id != seeded.id
    assert one.rests_on == [one.baseline.sha256, one.current.sha256]
    assert {item.verdict for item in one.compared} <= {"stable", "undecided"}


def test_the_report_of_another_process_is_the_same() -> None:
    """Whose hashes of words are others: rows of words that are equally likely of a side stay equal."""
    for name in ("before.jsonl", "after.jsonl"):
        chance = random.Random(name)
        said = [" ".join(f"quokka{chance.randrange(900)}" for _ in range(9)) for _ in range(800)]
        write(name, [{"messages": [{"role": "user", "content": one}]} for one in said])
    command = ("drift", "before.jsonl", "after.jsonl", "--target", "openai", "--format", "json")
    ids = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "service", *command], capture_output=True, check=False, timeout=120,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        ids.add(msgspec.json.decode(done.stdout, type=DriftReport).id)
    assert len(ids) == 1


def test_a_threshold_of_ones_own() -> None:
    write("before.jsonl", chats(600, 1))
    write("after.jsonl", chats(600, 2, size=40))
    code, found = report("before.jsonl", "after.jsonl", *(
        f"--threshold=DRF-{rule}=1" for rule in ("010", "011", "012", "040")
    ))  # fmt: skip
    assert (code, found.verdict) == (0, "stable")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.jsonl", "folder", "--target", "openai"], 2, "2 side(s) that cannot be read"),
        (["before.jsonl", "before.jsonl"], 2, "--target"),
        (["before.jsonl", "before.jsonl", "--target", "nobody"], 2, "nobody"),
        (["before.jsonl", "empty.jsonl", "--target", "openai"], 2, "no rows"),
        (["before.jsonl", "prose.txt", "--target", "openai"], 2, "2 line(s), none of them an object"),
        (["before.jsonl", "wide.jsonl", "--target", "openai"], 2, "utf-16"),
        (["before.jsonl", "folder", "--target", "openai"], 2, "evaluation.json"),
        (["before.jsonl", "evaluation.json", "--target", "openai"], 2, "cannot be compared"),
        (["-", "-", "--target", "openai"], 2, "both sides"),
        (["before.jsonl", "before.jsonl", "--target", "openai", "--threshold", "DRF-010=1.5"], 2, "nothing would ever"),
        (["before.jsonl", "before.jsonl", "--target", "openai", "--threshold", "DRF-040=0.5"], 2, "always"),
        (["before.jsonl", "before.jsonl", "--target", "openai", "--threshold", "DRF-010=nan"], 2, "always"),
        (["before.jsonl", "before.jsonl", "--target", "openai", "--threshold", "DRF-01=0.5"], 2, "Did you mean"),
        (["before.jsonl", "before.jsonl", "--target", "openai", "--threshold", "much"], 2, "RULE=N"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("before.jsonl", chats(60, 1))
    Path("folder").mkdir()
    Path("empty.jsonl").write_text("\n\n")
    Path("prose.txt").write_text("quokka\nquokka here\n")
    Path("wide.jsonl").write_text('{"messages": []}\n', encoding="utf-16")
    Path("evaluation.json").write_text('{"schema": "tunegate.evaluation/1", "id": 7}')
    assert run(["drift", *arguments]) == code
    printed = capsys.readouterr().err
    assert said in printed
    assert "Traceback" not in printed
    assert "quokka" not in printed


def test_every_rule_has_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    from service.data import rule_files
    from service.evaluate.drift.rules import drift_rules

    rules = drift_rules(rule_files()).rule
    assert len({one.id for one in rules}) == len({one.feature for one in rules}) == len(rules)
    for one in rules:
        assert run(["explain", one.id.lower()]) == 0
        assert one.title in capsys.readouterr().out
