"""When a job whose trainer died is started again, and when it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.jobs.resuming import MOST_STARTS_IN_VAIN, note_start, worth_resuming
from trainers.progress import ProgressWriter


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / ".work").mkdir()
    return tmp_path


def reach(out: Path, step: int) -> None:
    writer = ProgressWriter(out)
    writer.phase("train")
    for number in range(1, step + 1):
        writer.step(step=number, total=99, loss=1.0, learning_rate=0.1, epoch=None)


def test_it_is_started_again_as_long_as_it_gets_further(out: Path) -> None:
    assert not worth_resuming(out)  # never started
    for start in range(1, 8):
        note_start(out)
        reach(out, start * 5)
        assert worth_resuming(out)


def test_a_trainer_that_gets_no_further_is_given_up_after_a_few_starts(out: Path) -> None:
    note_start(out)
    reach(out, 5)
    for start in range(1, MOST_STARTS_IN_VAIN + 1):
        note_start(out)
        reach(out, 5)  # a phase said again and steps repeated are nothing new
        ProgressWriter(out).log("resumed at step 0")
        assert worth_resuming(out) == (start < MOST_STARTS_IN_VAIN)


@pytest.mark.parametrize(
    ("result", "again"),
    [
        (None, True),
        ({"status": "stopped", "plan": "p"}, True),
        ({"status": "failed", "plan": "p", "error": {"code": "trainer_died", "detail": "", "remedy": ""}}, True),
        ({"status": "failed", "plan": "p", "error": {"code": "job_failed", "detail": "", "remedy": ""}}, False),
        ({"status": "failed", "plan": "p", "error": {"code": "disk_full", "detail": "", "remedy": ""}}, False),
        ({"status": "succeeded", "plan": "p"}, False),
    ],
)
def test_only_a_run_that_ended_from_outside_goes_on(out: Path, result: Any, again: bool) -> None:
    note_start(out)
    reach(out, 1)
    if result:
        (out / "result.json").write_text(json.dumps(result))
    assert worth_resuming(out) == again
