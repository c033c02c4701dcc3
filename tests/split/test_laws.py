"""Laws of a split: nothing is lost, nothing is shared, and only seed and content decide."""

from __future__ import annotations

import io
import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.errors import TuneGateError
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.split import SplitRequest, split

QUESTIONS = st.sampled_from([f"Question {n}?" for n in range(30)])
ROWS = st.builds(
    lambda system, turns, user, weight: {
        "messages": [
            *([{"role": "system", "content": system}] if system else []),
            *(
                {"role": role, "content": text}
                for turn in turns
                for role, text in zip(("user", "assistant"), turn, strict=True)
            ),
        ],
        **({"user": user} if user else {}),
        **({"meta": {"weight": weight}} if weight else {}),
    },
    st.sampled_from(["", "Be brief."]),
    st.lists(st.tuples(QUESTIONS, QUESTIONS), min_size=1, max_size=2),
    st.sampled_from([None, *(f"user {n}" for n in range(9))]),
    st.booleans(),
)
FILES = st.lists(st.lists(ROWS, min_size=4, max_size=20), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("laws")


def written(folder: Path) -> dict[str, list[bytes]]:
    return {path.stem: path.read_bytes().splitlines(keepends=True) for path in sorted(folder.glob("*.jsonl"))}


def made(place: Path, files: list[list[Any]], names: str = "abc", **options: Any) -> tuple[list[Path], Any]:
    """The inputs, and the record (None when the groups leave no split)."""
    paths = []
    for rows, name in zip(files, names, strict=False):
        path = place / f"{name}.in"
        path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        paths.append(path)
    inputs: list[tuple[Path | None, str]] = [(path, path.name) for path in paths]
    for old in (place / "parts").glob("*"):
        old.unlink()
    try:
        return paths, split(SplitRequest(inputs=inputs, out=place / "parts", **options))
    except TuneGateError as error:
        if error.detail != "The rows that must stay together leave no such split.":
            raise
        return paths, None


def shared(row: dict[str, Any]) -> set[str]:
    """What two rows of different parts may not have in common."""
    messages = row["messages"]
    found = {f"row {json.dumps(row, sort_keys=True)}", f"prompt {json.dumps(messages[:-1])}"}
    if "user" in row:
        found.add(f"user {row['user']}")
    return found


@given(FILES, st.integers(0, 99))
def test_every_line_is_in_one_part_and_no_part_shares_anything(place: Path, files: list[list[Any]], seed: int) -> None:
    paths, record = made(
        place,
        files,
        validation="0.2",
        test="0.2",
        by=["user"] if any("user" in row for rows in files for row in rows) else [],
        seed=seed,
    )
    if record is None:
        return
    parts = written(place / "parts")
    lines = Counter(line for path in paths for line in path.read_bytes().splitlines(keepends=True))
    assert sum((Counter(part) for part in parts.values()), Counter()) == lines
    assert {part.name: part.rows for part in record.parts} == {name: len(part) for name, part in parts.items()}
    keys = {name: {key for line in part for key in shared(json.loads(line))} for name, part in parts.items()}
    for one, other in combinations(keys, 2):
        assert keys[one] & keys[other] == set()
    for part in record.parts[1:]:
        assert part.rows <= part.asked_rows or part.groups == 1


@given(FILES, st.integers(0, 99), st.permutations("abc"))
def test_names_and_order_of_the_files_change_nothing(
    place: Path, files: list[list[Any]], seed: int, names: list[str]
) -> None:
    _, one = made(place, files, seed=seed, validation="0.3")
    first = written(place / "parts") if one else {}
    _, other = made(place, files[::-1], "".join(names), seed=seed, validation="0.3")
    assert (written(place / "parts") if other else {}) == first
    assert (one and one.id) == (other and other.id)


@given(FILES, st.integers(0, 99))
def test_how_rows_lie_in_files_changes_no_part(place: Path, files: list[list[Any]], seed: int) -> None:
    _, one = made(place, files, seed=seed, validation="0.3")
    first = written(place / "parts") if one else {}
    _, other = made(place, [[row for rows in files for row in rows][::-1]], seed=seed, validation="0.3")
    second = written(place / "parts") if other else {}
    assert {name: Counter(part) for name, part in first.items()} == {
        name: Counter(part) for name, part in second.items()
    }


@given(st.lists(st.lists(ROWS, min_size=30, max_size=40, unique_by=json.dumps), min_size=1, max_size=2))
def test_lint_finds_no_leakage(place: Path, files: list[list[Any]]) -> None:
    _, record = made(place, files, validation="10")
    if record is None:
        return
    inputs = [LintInput(place / "parts" / "train.jsonl", "train"),
              LintInput(place / "parts" / "validation.jsonl", "validation", "validation")]  # fmt: skip
    counts = lint(LintRequest(inputs=inputs, target="openai", select=["X0"]), rules=rule_files()).counts
    assert [code for code in counts if code in {"X001", "X002", "X005"}] == []


def test_another_seed_is_another_split(place: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n}."}]}
        for n in range(40)
    ]
    drawn = set()
    for seed in range(5):
        made(place, [rows], seed=seed)
        drawn.add(tuple(written(place / "parts")["validation"]))
    assert len(drawn) == 5


def test_the_same_from_stdin(place: Path) -> None:
    rows = [{"prompt": f"{n}?", "completion": "Yes."} for n in range(20)]
    (path,), _ = made(place, [rows])
    first = written(place / "parts")
    split(SplitRequest(inputs=[(None, "-")], out=place / "parts", force=True), stdin=io.BytesIO(path.read_bytes()))
    assert written(place / "parts") == first
