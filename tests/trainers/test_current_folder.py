"""What lies in the folder from which a trainer is started is no part of it, whatever it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.launch.answering import AnsweringProcess
from service.launch.local import end_of_log, start_trainer, work_plan


@pytest.fixture(autouse=True)
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """We stand in a folder with files named like modules that every trainer imports."""
    folder = tmp_path / "poisoned"
    folder.mkdir()
    for name in ("random", "json", "msgspec", "torch", "transformers", "trainers"):
        (folder / f"{name}.py").write_text("raise SystemExit('a file of the current folder was imported')\n")
    monkeypatch.chdir(folder)


def test_a_run_of_several_processes_imports_nothing_from_there(make_plan: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    work_plan(out).parent.mkdir(parents=True)
    work_plan(out).write_bytes(make_plan(processes=2, n_epochs=1, validation=None).read_bytes())
    assert start_trainer(out).wait(300) == 0, end_of_log(out, lines=30)
    assert json.loads((out / "result.json").read_text())["status"] == "succeeded"


def test_nor_does_a_process_that_answers(model: Path) -> None:
    process = AnsweringProcess(model, "torch", threads=1)
    try:
        assert process.wait_ready().engine == "torch"
    finally:
        process.close()
