"""Near copies are left out where they were asked for: what is left has none, twice is once, each change is listed."""

from __future__ import annotations

import io
import json
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.data import rule_files
from service.records.lint_report import Role
from service.verbs.fix import FixRecord, FixRequest, fix
from service.verbs.lint import LintInput, LintRequest

RULES = rule_files()
WORDS = [f"{start}{middle}{end}" for start in "bdfgklmnprst" for middle in ("a", "e", "io", "u") for end in "lmnrstx"]
Files = dict[str, list[bytes]]


def said(chance: random.Random, length: int = 80) -> list[str]:
    return chance.sample(WORDS, length)


def edited(words: list[str], chance: random.Random, share: float) -> list[str]:
    """A copy with a share of the words changed, as many of the question as of the answer."""
    copy, half = list(words), len(words) // 2
    for start in (0, half):
        for place in chance.sample(range(half), round(share * half)):
            copy[start + place] = f"changed{chance.randrange(10**6)}"
    return copy


def row_of(words: list[str]) -> bytes:
    half = len(words) // 2
    turns = zip(
        ("system", "user", "assistant"), ("Brief.", " ".join(words[:half]), " ".join(words[half:])), strict=True
    )
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}).encode()


def mended(
    folder: Path, files: Files, *, near: bool = True, unsafe: bool = True, stdin: bytes | None = None, **options: Any
) -> tuple[Files, FixRecord]:
    folder.mkdir()
    inputs = []
    for name, rows in files.items():
        path = folder / f"{name}.jsonl"
        path.write_bytes(b"".join(row + b"\n" for row in rows))
        role: Role = "validation" if name == "validation" else "train"
        inputs.append(LintInput(None if stdin is not None else path, path.name, role))
    out = folder / ("out" if len(inputs) > 1 else "out.jsonl")
    request = LintRequest(inputs=inputs, target="local", near_duplicates=near, tokens="off", max_findings=0, **options)
    stream = None if stdin is None else io.BytesIO(stdin)
    record = fix(FixRequest(lint=request, out=out, unsafe=unsafe), rules=RULES, stdin=stream)
    return {
        name: Path(one.out).read_bytes().splitlines() for name, one in zip(files, record.files, strict=True)
    }, record


def changes(record: FixRecord, number: int = 0) -> list[tuple[str, int]]:
    found = [json.loads(line) for line in Path(record.files[number].log).read_text().splitlines()]
    return [(one["rule"], one["line"]) for one in found]


def corpus(seed: int = 5, rows: int = 40) -> Files:
    chance = random.Random(seed)
    originals = [said(chance) for _ in range(rows)]
    first, second = originals[: rows // 2], originals[rows // 2 :]
    first += [edited(one, chance, 0.03) for one in originals[:10]]
    second.append(edited(originals[0], chance, 0.03))
    other = [said(chance), *(edited(one, chance, 0.03) for one in (originals[3], originals[-1]))]
    train, more, held_out = (list(map(row_of, one)) for one in (first, second, other))
    return {"train": train, "more": more, "validation": held_out}


def test_near_copies_are_left_out_and_the_log_says_which(tmp_path: Path) -> None:
    files = corpus()
    left, record = mended(tmp_path / "a", files)
    assert record.changed == {"Q002": 11, "X003": 2}
    assert {"Q002", "X003"} & record.report.counts.keys() == set()
    assert left == {"train": files["train"][:20], "more": files["more"][:20], "validation": files["validation"][:1]}
    assert [changes(record, number) for number in range(3)] == [
        [("Q002", line) for line in range(21, 31)], [("Q002", 21)], [("X003", 2), ("X003", 3)],
    ]  # fmt: skip


@pytest.mark.parametrize(("select", "kept"), [(["Q002"], [20, 20, 3]), (["X003"], [30, 21, 1]), (["F"], [30, 21, 3])])
def test_only_the_chosen_rule_is_mended(tmp_path: Path, select: list[str], kept: list[int]) -> None:
    left, record = mended(tmp_path / "a", corpus(), select=select)
    assert [len(rows) for rows in left.values()] == kept
    assert select[0] not in record.report.counts


@pytest.mark.parametrize(("near", "unsafe"), [(False, True), (True, False)])
def test_nothing_is_left_out_unasked(tmp_path: Path, near: bool, unsafe: bool) -> None:
    files = corpus()
    assert mended(tmp_path / "a", files, near=near, unsafe=unsafe)[0] == files


def test_rows_are_compared_as_the_other_fixes_write_them(tmp_path: Path) -> None:
    words = said(random.Random(2), 60)
    broken = json.loads(row_of(edited(words, random.Random(3), 0.03)))
    broken["messages"][1]["role"] = "human"
    dropped = json.loads(row_of(words))
    dropped["messages"][2]["weight"] = 0
    rows = [b"", json.dumps(dropped).encode(), row_of(words), json.dumps(broken).encode(), row_of(words)]
    left, record = mended(tmp_path / "a", {"train": rows})
    # a row that teaches nothing is left out and so nobody's original
    assert left["train"] == [rows[2]]
    assert changes(record) == [("F011", 1), ("R032", 2), ("R005", 4), ("Q002", 4), ("Q001", 5)]


def test_a_stream_and_a_pipe_are_read_twice_too(tmp_path: Path) -> None:
    rows = corpus()["train"]
    raw = b"".join(row + b"\n" for row in rows)
    assert mended(tmp_path / "a", {"train": rows}, stdin=raw)[0]["train"] == rows[:20]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(raw,))
    writer.start()
    request = LintRequest(inputs=[LintInput(pipe, "pipe")], target="local", near_duplicates=True, tokens="off")
    fix(FixRequest(lint=request, out=tmp_path / "out.jsonl", unsafe=True), rules=RULES)
    writer.join()
    assert (tmp_path / "out.jsonl").read_bytes().splitlines() == rows[:20]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_left_has_no_near_copy_and_twice_is_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("near")
    chance = random.Random(data.draw(st.integers(0, 10**6)))
    texts = [said(chance, 40) for _ in range(3)]
    for share in data.draw(st.lists(st.sampled_from([0.0, 0.025, 0.05, 0.08, 0.3]), min_size=2, max_size=25)):
        texts.append(edited(chance.choice(texts), chance, share))
    rows = [row_of(one) for one in texts]
    cut = data.draw(st.integers(1, len(rows)))
    files = {"train": rows[:cut], "validation": rows[cut:]}
    once, record = mended(tmp_path / "a", files)
    assert {"Q001", "Q002", "X001", "X003"} & record.report.counts.keys() == set()
    again, second = mended(tmp_path / "b", once)
    assert (again, second.changed) == (once, {})
    assert all(row in files[name] for name in files for row in once[name])
