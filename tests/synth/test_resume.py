"""Killed at any moment, the same command goes on: nothing is paid twice, no row comes twice, no half file appears."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said

from service.errors import TuneGateError
from service.evaluate.answer_log import ANSWERS, AnswerLog, Entry
from tests.synth.conftest import Ask, good

ROOT = Path(__file__).resolve().parents[2]
BEFORE_KILL = 5


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def answered() -> int:
    path = Path("out.jsonl.work") / ANSWERS
    return path.read_bytes().count(b'"reply"') if path.exists() else 0


def test_a_killed_synthesis_goes_on(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    stopped = False

    def rule(body: dict[str, Any], number: int) -> Said:
        return Said(hang=True) if len(endpoint.bodies) > BEFORE_KILL and not stopped else good(body, number)

    endpoint.rule = rule
    command = [sys.executable, "-m", "service", "synth", "coverage", "docs", "--model", "m.toml", "--target", "local"]
    command += ["--rows", "12", "--concurrency", "2", "--budget-requests", "16", "-o", "out.jsonl"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: answered() == BEFORE_KILL and len(endpoint.bodies) > BEFORE_KILL)
        with pytest.raises(TuneGateError) as raised:
            ask(rows=12)
        assert raised.value.code == "run_locked"
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert [path.name for path in Path().glob("out*")] == ["out.jsonl.work"]
    whole = len(endpoint.bodies)
    stopped = True
    made = ask(rows=12, concurrency=2, budget_requests=16).record
    assert made.verdict == "pass"
    counts = Counter(json.dumps(body) for body in endpoint.bodies)
    assert len(endpoint.bodies) == 12 + whole - BEFORE_KILL
    assert max(counts.values()) <= 2, "only what was under way is asked again"
    lines = Path("out.jsonl").read_text().splitlines()
    assert len(set(lines)) == len(lines) == 12
    # one that the kill met between its note and its way counts as sent
    assert len(endpoint.bodies) <= made.spent.requests <= min(16, len(endpoint.bodies) + 2)


def test_a_record_without_rows_is_what_a_kill_left_and_makes_room(docs: Path, ask: Ask) -> None:
    first = ask(rows=12).record
    rows = Path("out.jsonl").read_bytes()
    Path("out.jsonl").unlink()
    assert ask(rows=12).record.id == first.id
    assert Path("out.jsonl").read_bytes() == rows


def test_a_record_of_rows_that_were_renamed_is_kept(docs: Path, ask: Ask) -> None:
    ask(rows=12)
    record = Path("out.synth.json").read_bytes()
    Path("out.jsonl").rename("renamed.jsonl")
    with pytest.raises(TuneGateError) as raised:
        ask(rows=12)
    assert raised.value.code == "output_exists"
    assert Path("out.synth.json").read_bytes() == record


def test_what_is_there_is_not_overwritten(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    Path("out.synth.json").write_text("somebody's notes")
    with pytest.raises(TuneGateError) as raised:
        ask(rows=12)
    assert raised.value.code == "output_exists"
    assert endpoint.bodies == []


def test_every_line_of_the_log_counts(folder: Path) -> None:
    place = folder / "log"
    with AnswerLog(place, sync=True) as log:
        log.add(Entry(key="a", reserved_tokens=100), final=False)
        log.add(Entry(key="a", tokens=40), final=False)
        log.add(Entry(key="b", reserved_tokens=70), final=False)
    with AnswerLog(place) as log:
        assert (log.sent, log.tokens) == (2, 110)
