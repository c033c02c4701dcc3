"""tunegate train --sweep on a tiny model: a trial that dies is shown, a kill loses nothing, the best is exported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

FIRST, SECOND, THIRD, LEFT = (
    "rank-4_multiplier-1", "rank-2_multiplier-0.5", "rank-4_multiplier-0.5", "rank-2_multiplier-1",
)  # fmt: skip


def start(tiny: Any, out: Path, *arguments: str) -> subprocess.Popen[str]:
    asked = ["--model", str(tiny.place / "base"), "--technique", "lora", "--epochs", "8", *arguments]
    grid = ["--sweep", "learning_rate_multiplier=0.5,1", "--sweep", "adapter.r=2,4", "-o", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "service", "train", *tiny.options(), *asked, *grid, "--format", "json"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip


def steps(trial: Path) -> list[int]:
    try:
        lines = (trial / "progress.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return []
    records = [json.loads(line) for line in lines if line.endswith("}")]
    return [record["step"] for record in records if record["event"] == "step"]


def until(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def record(out: Path) -> Any:
    return json.loads((out / "sweep.json").read_text())


@pytest.fixture(scope="module")
def swept(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, str, Any]:
    """(folder, the record as printed, what was said, the record as the kill left it) of a sweep that had bad luck.

    It is stopped by Ctrl-C in the first trial; the second one loses its worker, as to a machine without memory; in the
    third one the sweep itself is killed.
    """
    out: Path = tmp_path_factory.mktemp("sweep") / "out"
    budget = ["--budget", "3", "--goal", "validation_loss"]
    process = start(tiny, out, *budget)
    until(process, lambda: len(steps(out / "trials" / FIRST)) > 4)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The same command goes on" in said
    assert [trial["status"] for trial in record(out)["trials"]] == ["unfinished", "not_run", "not_run", "not_run"]
    process = start(tiny, out, *budget)
    until(process, lambda: len(steps(out / "trials" / SECOND)) > 2)
    (trainer,) = psutil.Process(process.pid).children()
    (worker,) = trainer.children()
    worker.kill()
    until(process, lambda: len(steps(out / "trials" / THIRD)) > 4)
    running = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(running, timeout=60)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    killed = record(out)
    process = start(tiny, out, *budget)
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return out, json.loads(printed), said, killed


def test_the_record_says_what_became_of_every_trial(swept: tuple[Path, Any, str, Any]) -> None:
    out, made, _, killed = swept
    assert made == record(out)
    assert [trial["status"] for trial in killed["trials"]] == ["succeeded", "failed", "unfinished", "not_run"]
    assert [trial["status"] for trial in made["trials"]] == ["succeeded", "failed", "succeeded", "not_run"]
    assert [trial["folder"] for trial in made["trials"]] == [f"trials/{one}" for one in (FIRST, SECOND, THIRD, LEFT)]
    assert [trial["values"] for trial in made["trials"]][:2] == [
        {"learning_rate_multiplier": 1.0, "adapter.r": 4}, {"learning_rate_multiplier": 0.5, "adapter.r": 2},
    ]  # fmt: skip
    failed = made["trials"][1]
    assert (failed["error"]["code"], failed["after"], failed["manifest"]) == ("trainer_died", None, None)
    assert "SIGKILL" in failed["error"]["detail"]
    assert made["left_out"] == "1 of 4 trials were not run: the budget of 3 runs is used up"
    assert (made["goal"], made["better"], made["budget"]) == (
        "validation_loss", "lower", {"runs": 3, "minutes": None},
    )  # fmt: skip
    assert not (out / "trials" / LEFT).exists()


def test_every_trial_is_a_real_run_of_its_own_plan(swept: tuple[Path, Any, str, Any]) -> None:
    out, made, _, _ = swept
    for trial in (made["trials"][0], made["trials"][2]):
        folder = out / trial["folder"]
        plan, manifest = (json.loads((folder / f"{name}.json").read_text()) for name in ("plan", "manifest"))
        assert (plan["id"], manifest["id"], manifest["chain"]["plan"]) == (
            trial["plan"], trial["manifest"], trial["plan"],
        )  # fmt: skip
        values = plan["hyperparameters"]
        assert values["learning_rate_multiplier"] == trial["values"]["learning_rate_multiplier"]
        assert (values["adapter"]["r"], values["adapter"]["alpha"]) == (
            trial["values"]["adapter.r"], 2 * trial["values"]["adapter.r"],
        )  # fmt: skip
        assert (values["seed"], manifest["onnx"]) == (made["seed"], [])
        assert trial["after"] == manifest["evaluation"]["after"]["validation_loss"]
        assert trial["before"] == manifest["evaluation"]["before"]["validation_loss"]
        assert trial["seconds"] > 1
        assert steps(folder) == list(range(1, 33))


def test_after_the_kill_nothing_was_repeated(swept: tuple[Path, Any, str, Any]) -> None:
    out, made, said, killed = swept
    assert made["trials"][0] == killed["trials"][0]
    assert made["trials"][1] == killed["trials"][1]
    assert "resumed at step" in (out / "trials" / THIRD / "progress.jsonl").read_text()
    assert (out / "trials" / FIRST / "progress.jsonl").read_text().count("resumed at step") == 1
    assert "trial 1 of 4: multiplier 1, rank 4 (done before)" in said
    assert "trial 2 of 4" not in said
    assert made["trials"][2]["seconds"] > killed["trials"][2]["seconds"]


def test_the_best_one_is_exported_with_its_proof(swept: tuple[Path, Any, str, Any]) -> None:
    out, made, _, _ = swept
    measured = {trial["n"]: trial["after"] for trial in made["trials"] if trial["after"] is not None}
    best = made["best"]
    assert best["n"] == min(measured, key=measured.__getitem__)
    assert (best["value"], best["better_than_before"], best["ties"]) == (measured[best["n"]], True, [])
    manifest = json.loads((out / best["folder"] / "manifest.json").read_text())
    trial = made["trials"][best["n"] - 1]
    assert (manifest["id"], manifest["made_from"]) == (best["manifest"], trial["manifest"])
    assert manifest["chain"]["plan"] == trial["plan"]
    assert [one["precision"] for one in manifest["onnx"]] == ["fp32"]
    assert (out / "best" / "onnx" / "fp32" / "model.onnx").is_file()
    assert sorted(one.name for one in out.iterdir()) == ["best", "sweep.json", "trials"]


def test_the_same_command_once_more_changes_nothing(tiny: Any, swept: tuple[Path, Any, str, Any]) -> None:
    from service.cli.app import run

    out, made, _, _ = swept
    before = {path: path.stat().st_mtime_ns for path in (out / "best").rglob("*")}
    asked = ["--model", str(tiny.place / "base"), "--technique", "lora", "--epochs", "8", "--budget", "3"]
    grid = ["--sweep", "learning_rate_multiplier=0.5,1", "--sweep", "adapter.r=2,4", "-o", str(out)]
    table = out.parent / "table.txt"
    assert run(["train", *tiny.options(), *asked, *grid, "--output", str(table)]) == 0
    assert record(out) == made
    assert {path: path.stat().st_mtime_ns for path in (out / "best").rglob("*")} == before
    text = table.read_text()
    rows = [line.split() for line in text.splitlines()[2:6]]
    assert [row[-1] for row in rows] == ["succeeded", "failed", "succeeded", "not_run"]
    assert sum(row[0] == "*" for row in rows) == 1
    assert "trial 2 failed: trainer_died" in text
    assert made["left_out"] in text
    assert f"best: trial {made['best']['n']}, the lowest validation_loss of 2 finished trials" in text
    # the folder is this sweep's alone
    other = ["train", *tiny.options("more.jsonl"), *asked, *grid]
    assert run(other) == 2
    assert record(out) == made
