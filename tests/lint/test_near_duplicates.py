"""Near duplicates on real corpora: edited copies are found at their lines, rows that differ are not."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from service.data import rule_files
from service.lint import workers
from service.lint.near import words
from service.records.lint_report import LintReport, Role
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
WORDS = [f"{start}{middle}{end}" for start in "bdfgklmnprst" for middle in ("a", "e", "io", "u") for end in "lmnrstx"]
DISTINCT, EDITED = 400, 60


def row_of(words: list[str], system: str = "Be brief.") -> bytes:
    half = len(words) // 2
    said = zip(("system", "user", "assistant"), (system, " ".join(words[:half]), " ".join(words[half:])), strict=True)
    return msgspec.json.encode({"messages": [{"role": role, "content": text} for role, text in said]})


def said(chance: random.Random, length: int = 80) -> list[str]:
    return chance.sample(WORDS, length)


def edited(words: list[str], chance: random.Random, share: float = 0.05) -> list[str]:
    """A copy with a share of the words changed."""
    copy = list(words)
    for place in chance.sample(range(len(copy)), round(share * len(copy))):
        copy[place] = f"changed{chance.randrange(10**6)}"
    return copy


def report_on(folder: Path, *, workers: int = 1, most: int = 0, **files: list[bytes]) -> LintReport:
    inputs = []
    for name, rows in files.items():
        path = folder / f"{name}.jsonl"
        path.write_bytes(b"\n".join(rows) + b"\n")
        role: Role = "validation" if name == "validation" else "train"
        inputs.append(LintInput(path, path.name, role))
    request = LintRequest(inputs=inputs, target="local", max_findings=most, workers=workers, near_duplicates=True)
    return lint(request, rules=RULES)


def found(report: LintReport, rule: str) -> list[tuple[str, int | None, str]]:
    return [(one.path, one.line, one.message) for one in report.findings if one.rule == rule]


def test_edited_copies_are_found_and_rows_that_differ_are_not(tmp_path: Path) -> None:
    chance = random.Random(5)
    originals = [said(chance) for _ in range(DISTINCT)]
    rows = [row_of(one) for one in originals + [edited(one, chance) for one in originals[:EDITED]]]
    near = found(report_on(tmp_path, train=rows), "Q002")
    wanted = {DISTINCT + place: place for place in range(1, EDITED + 1)}
    told = {line: int(message.split("line ")[1].split(",")[0]) for _, line, message in near if line is not None}
    # every finding is right; an estimate has an error, so one or the other copy may be missed
    assert told.items() <= wanted.items()
    assert len(told) >= 0.95 * EDITED


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.05, 1), (0.3, 0)])
def test_how_alike_rows_must_be(tmp_path: Path, share: float, count: int) -> None:
    chance = random.Random(1)
    one = said(chance, 200)
    report = report_on(tmp_path, train=[row_of(one), row_of(edited(one, chance, share))])
    assert report.counts.get("Q002", 0) == count
    # rows that are equal are Q001 alone
    assert report.counts.get("Q001", 0) == (share == 0.0)


def test_the_message_names_the_original_and_the_estimate(tmp_path: Path) -> None:
    one = said(random.Random(2))
    rows = [row_of(one), row_of(said(random.Random(3))), row_of(one, system="Be kind."), row_of([*one, "more"])]
    near = found(report_on(tmp_path, train=rows), "Q002")
    assert [line for _, line, _ in near] == [3, 4]
    assert near[0][2] == "nearly the same row as line 1, about 1.00 alike"
    assert near[1][2].startswith("nearly the same row as line 1, about 0.9")


def test_small_changes_do_not_chain_rows_that_differ(tmp_path: Path) -> None:
    chance = random.Random(4)
    chain = [said(chance, 100)]
    for step in range(12):
        chain.append([f"step{step}x{place}" if place // 5 == step else word for place, word in enumerate(chain[-1])])
    near = found(report_on(tmp_path, train=[row_of(one) for one in chain]), "Q002")
    for _, line, message in near:
        earlier = int(message.split("line ")[1].split(",")[0])
        assert line is not None
        assert 0 < line - earlier <= 3
    # what is named as the original is no copy itself
    originals = {int(message.split("line ")[1].split(",")[0]) for *_, message in near}
    assert len(originals) > 1
    assert originals.isdisjoint(line for _, line, _ in near)


def test_a_validation_row_that_is_nearly_a_training_row_is_told_with_its_place(tmp_path: Path) -> None:
    chance = random.Random(6)
    first, second = [said(chance) for _ in range(20)], [said(chance) for _ in range(20)]
    held_out = [said(chance), edited(second[7], chance, 0.03), second[3]]
    held_out.append(edited(held_out[0], chance, 0.03))
    report = report_on(
        tmp_path,
        train=[row_of(one) for one in first],
        more=[row_of(one) for one in second],
        validation=[row_of(one) for one in held_out],
    )
    ((path, line, message),) = found(report, "X003")
    assert (path, line) == ("validation.jsonl", 2)
    assert message.startswith("nearly the same row as in the training data, line 8 of more.jsonl, about 0.9")
    assert report.counts["X001"] == 1
    assert "Q002" not in report.counts


@pytest.mark.parametrize("most", [0, 3])
def test_the_report_does_not_depend_on_the_processes(
    tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    originals = [said(chance) for _ in range(80)]
    rows = [row_of(one) for one in originals + [edited(one, chance) for one in originals]]
    rows[20:20] = [b"", b"{", b'{"messages": []}']
    want = report_on(tmp_path, most=most, train=rows, validation=rows[5:9])
    monkeypatch.setattr(workers, "STRETCH_BYTES", 10_000)
    assert report_on(tmp_path, most=most, workers=2, train=rows, validation=rows[5:9]) == want
    assert want.counts["Q002"] > 70
    assert len(found(want, "Q002")) == (most or want.counts["Q002"])


def test_other_shapes_are_compared_too(tmp_path: Path) -> None:
    chance = random.Random(8)
    one = said(chance)
    pair = [{"prompt": " ".join(each), "completion": "Yes."} for each in (one, edited(one, chance, 0.03))]
    asked = {"messages": [{"role": "user", "content": " ".join(one)}, {"role": "assistant", "content": "No, never."}]}
    rows = [*map(msgspec.json.encode, pair), msgspec.json.encode(asked | {"tools": []})]
    assert [line for _, line, _ in found(report_on(tmp_path, train=rows), "Q002")] == [2, 3]


def test_preference_rows_are_compared_by_input_and_preferred_output(tmp_path: Path) -> None:
    chance = random.Random(10)
    one = said(chance)

    def pair(words: list[str], other: str) -> bytes:
        answers = [[{"role": "assistant", "content": text}] for text in (" ".join(words[40:]), other)]
        asked = {"messages": [{"role": "user", "content": " ".join(words[:40])}]}
        return msgspec.json.encode({"input": asked, "preferred_output": answers[0], "non_preferred_output": answers[1]})

    path = tmp_path / "pairs.jsonl"
    rows = [pair(one, "No."), pair(said(chance), "No."), pair(edited(one, chance, 0.03), " ".join(said(chance)))]
    path.write_bytes(b"\n".join(rows) + b"\n")
    inputs = [LintInput(path, "pairs.jsonl")]
    report = lint(LintRequest(inputs=inputs, target="openai", method="dpo", near_duplicates=True), rules=RULES)
    assert [line for _, line, _ in found(report, "Q002")] == [3]


def test_nothing_is_looked_at_that_was_not_asked_for(tmp_path: Path) -> None:
    chance = random.Random(9)
    one = said(chance)
    path = tmp_path / "data.jsonl"
    path.write_bytes(row_of(one) + b"\n" + row_of(edited(one, chance)) + b"\n")
    request = LintRequest(inputs=[LintInput(path, "data.jsonl")], target="local")
    off = lint(request, rules=RULES)
    on = lint(msgspec.structs.replace(request, near_duplicates=True), rules=RULES)
    assert "near duplicates" in [one.what for one in off.not_scanned]
    assert "near duplicates" not in [one.what for one in on.not_scanned]
    assert {"Q002", "X003"} & set(off.rules_run) == set()
    assert {"Q002", "X003"} <= set(on.rules_run)
    assert (off.counts.get("Q002"), on.counts.get("Q002")) == (None, 1)
    assert off.id != on.id


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("One, two - ONE!", {"one", "two"}),
        ("\u6771\u4eac\u90fd 2 rows", {"\u6771\u4eac", "\u4eac\u90fd", "2", "rows"}),
        ("\ud800 lone", {"lone"}),
        ("", set()),
    ],
)
def test_words_are_compared_without_case_and_scripts_without_spaces_by_pairs(text: str, want: set[str]) -> None:
    assert words(text) == want


@pytest.mark.parametrize(
    ("option", "module", "extra"), [("--near-duplicates", "rensa", "near"), ("--languages", "py3langid", "languages")]
)
def test_a_part_that_is_not_installed_is_exit_3_and_named(tmp_path: Path, option: str, module: str, extra: str) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('No module', name={module!r})\n")
    data = tmp_path / "data.jsonl"
    data.write_bytes(row_of(["hello", "there"]) + b"\n")
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parents[2])])
    command = [sys.executable, "-m", "service", "lint", str(data), "--target", "local"]
    environment = {**os.environ, "PYTHONPATH": paths}
    without = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert without.returncode == 0
    asked = subprocess.run([*command, option], capture_output=True, text=True, check=False, env=environment)
    assert asked.returncode == 3
    assert asked.stdout == ""
    assert f"{module} is not installed" in asked.stderr
    assert f"pip install 'tunegate[{extra}]'" in asked.stderr
    assert "Traceback" not in asked.stderr
