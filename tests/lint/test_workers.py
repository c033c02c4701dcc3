"""Any number of processes: the same report, byte for byte; killed and interrupted for real."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from service.data import rule_files
from service.lint import workers
from service.lint.catalogue import rule_ids
from service.lint.chosen import chosen_checks
from service.lint.profile import load_profile
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
ROLES = ("system", "user", "assistant")


def messy(rows: int) -> bytes:
    """Rows of every kind: clean, repeated, contradicting, broken, blank, escaped, long."""
    chance = random.Random(11)
    lines: list[bytes] = []
    for number in range(rows):
        said = f"Question {number if chance.random() < 0.9 else 7} \u00e9\u200b?"[: chance.randrange(12, 40)]
        answer = (
            f"Answer {number % 50}." if chance.random() < 0.9 else "It is so, and more so. " * chance.randrange(1, 60)
        )
        messages = [{"role": role, "content": text} for role, text in zip(ROLES, ("Brief.", said, answer), strict=True)]
        row: dict[str, Any] = {"messages": messages}
        if chance.random() < 0.05:
            messages[2]["weight"] = chance.choice([0, 1, 2, True])  # type: ignore[assignment]
        if chance.random() < 0.05:
            row["id"] = number
        lines.append(json.dumps(row, ensure_ascii=chance.random() < 0.5).encode())
        if chance.random() < 0.03:
            lines.append(chance.choice([b"", b"  ", b"{", b'{"a": NaN}', b"[1]", b"\xff", b'{"messages": []}']))
    return b"\n".join(lines) + b"\n" * chance.choice([0, 1])


def report_of(path: Path, processes: int, *, target: str = "azure-openai", most: int = 20) -> bytes:
    held_out = LintInput(path, "validation.jsonl", "validation")
    request = LintRequest(
        inputs=[LintInput(path, "data.jsonl"), held_out], target=target, max_findings=most, workers=processes
    )
    return msgspec.json.encode(lint(request, rules=RULES))


@pytest.mark.parametrize("size", [97, 1_000, 50_000])
@pytest.mark.parametrize("most", [0, 3])
def test_the_report_does_not_depend_on_the_processes(
    tmp_path: Path, size: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(messy(80 if size < 1_000 else 600))
    want = report_of(path, 1, most=most)
    monkeypatch.setattr(workers, "STRETCH_BYTES", size)
    assert report_of(path, 2, most=most) == want
    assert report_of(path, 3, most=most) == want


def test_a_last_piece_without_two_outputs_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"messages": [{"role": "user", "content": "Which of the two answers is the better one?"}]}
    outputs = [[{"role": "assistant", "content": text}] for text in ("Yes.", "No.")]
    pair = {"input": asked, "preferred_output": outputs[0], "non_preferred_output": outputs[1]}
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, [pair] * 20 + [{"input": asked}] * 20)))
    request = LintRequest(inputs=[LintInput(path, "pairs.jsonl")], target="openai", method="dpo")
    want = lint(request, rules=RULES)
    monkeypatch.setattr(workers, "STRETCH_BYTES", 1_000)
    assert lint(msgspec.structs.replace(request, workers=2), rules=RULES) == want


def test_every_line_is_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(messy(60))
    for size in (1, 2, 50, 173, 10**6):
        monkeypatch.setattr(workers, "STRETCH_BYTES", size)
        found = workers.pieces(path, "data.jsonl", path.stat().st_size)
        raw = path.read_bytes()
        assert b"".join(raw[piece.start : piece.end] for piece in found) == raw
        assert all(raw[piece.end - 1] == 0x0A for piece in found[:-1])
        assert [piece.last for piece in found] == [False] * (len(found) - 1) + [True]


@pytest.mark.parametrize("processes", [1, 2, 3, 9])
def test_every_piece_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(messy(100))
    monkeypatch.setattr(workers, "STRETCH_BYTES", 2_000)
    found = workers.pieces(path, "data.jsonl", path.stat().st_size)
    assert len(found) > 5
    checks = chosen_checks(load_profile("openai", RULES), set(rule_ids()), method="sft", model="", most=20)
    asked = []
    lint_piece = partial(workers.lint_piece, checks=checks)
    read = list(workers.read_in_pool(found, lint_piece, processes, lambda: asked.append(1)))
    assert sum(partial.lines for partial in read) == len(path.read_bytes().splitlines())
    assert asked == [1]


def started(path: Path) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    command = [sys.executable, "-m", "service", "lint", str(path), "--target", "openai", "--workers", "2"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        children = psutil.Process(run.pid).children()
        if len(children) == 2:
            # held, so that they cannot be done before the test does anything
            for child in children:
                child.suspend()
            return run, children
        time.sleep(0.01)
    raise AssertionError("no workers came")


def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.jsonl"
    raw = messy(3_000) + b"\n"
    with path.open("wb") as handle:
        for _ in range(120):
            handle.write(raw)
    return path


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_command(tmp_path: Path, how: signal.Signals) -> None:
    run, children = started(large(tmp_path))
    os.killpg(run.pid, how) if how is signal.SIGINT else run.send_signal(how)
    if how is signal.SIGKILL:
        for child in children:
            child.resume()
    _, error = run.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    if how is signal.SIGINT:
        assert run.returncode == 130
        assert b"Traceback" not in error


def test_a_killed_worker_costs_time_and_nothing_else(tmp_path: Path) -> None:
    path = large(tmp_path)
    want = subprocess.run(
        [sys.executable, "-m", "service", "lint", str(path), "--target", "openai", "--workers", "1"],
        capture_output=True, check=False,
    )  # fmt: skip
    run, children = started(path)
    children[0].kill()
    children[1].resume()
    output, error = run.communicate(timeout=120)
    assert (run.returncode, output) == (want.returncode, want.stdout)
    assert b"Traceback" not in error
