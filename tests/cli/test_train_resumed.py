"""tunegate train, interrupted for real: it says how to go on, leaves no process behind, and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
STEPS = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, eight rows, and a plan over them."""
    place = tmp_path_factory.mktemp("place")
    subprocess.run(
        [sys.executable, str(DESK / "make_base_model.py"), str(place / "base"), "--steps", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    (place / "data.jsonl").write_bytes(b"".join((DESK / "train.jsonl").read_bytes().splitlines(keepends=True)[:8]))
    made = tunegate(place, "plan", *choices(place), "--format", "json")
    (place / "plan.json").write_text(made.stdout)
    return place


def choices(place: Path, *, epochs: int = STEPS // 4) -> list[str]:
    return ["--model", str(place / "base"), "--data", str(place / "data.jsonl"), "--technique", "lora",
            "--batch-size", "2", "--epochs", str(epochs), "--save-steps", "4",
            "--override", "no_baseline_evaluation=its steps are looked at alone"]  # fmt: skip


def tunegate(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = start(place, *arguments)
    printed, said = process.communicate(timeout=200)
    return subprocess.CompletedProcess(process.args, process.returncode, printed, said)


def start(place: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "service", *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment | {"TUNEGATE_HOME": str(place / "home"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def steps(out: Path) -> list[int]:
    try:
        records = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines() if line[-1] == "}"]
    except FileNotFoundError:
        return []
    return [record["step"] for record in records if record["event"] == "step"]


def interrupt(place: Path, out: Path, number: int, *, at: int) -> tuple[int, str]:
    """Send the signal to `tunegate train` alone; every process that it started must end."""
    process = start(place, "train", str(place / "plan.json"), "-o", str(out))
    deadline = time.monotonic() + 300
    while max(steps(out), default=0) < at:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) == 2
    process.send_signal(number)
    _, said = process.communicate(timeout=180)
    _, alive = psutil.wait_procs(started, timeout=120)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    return process.returncode, said


def test_interrupted_it_says_how_to_go_on_and_goes_on(place: Path) -> None:
    out = place / "run"
    code, said = interrupt(place, out, signal.SIGINT, at=6)
    assert code == 130
    assert f"of {STEPS} steps are done" in said
    assert f"tunegate train {out / 'plan.json'} -o {out}" in said
    assert "Traceback" not in said
    first = max(steps(out))
    code, _ = interrupt(place, out, signal.SIGKILL, at=first + 6)
    assert code == -signal.SIGKILL
    assert json.loads((out / "result.json").read_text())["status"] == "stopped"
    second = max(steps(out))

    other = tunegate(place, "train", *choices(place, epochs=2), "-o", str(out))
    assert (other.returncode, "unfinished run of another plan" in other.stderr) == (2, True)

    done = tunegate(place, "train", str(out / "plan.json"), "-o", str(out), "--format", "json")
    assert done.returncode == 0, done.stderr
    assert "goes on where that one stopped" in done.stderr
    assert f"resumed at step {second}" in done.stderr
    assert f"step {second}/" not in done.stderr
    assert steps(out) == list(range(1, STEPS + 1))
    manifest: dict[str, Any] = json.loads(done.stdout)
    assert manifest["training"]["steps"] == STEPS
    assert not (out / ".work").exists()

    again = tunegate(place, "train", str(out / "plan.json"), "-o", str(out), "--format", "json")
    assert (again.returncode, json.loads(again.stdout)) == (0, manifest)
    assert "nothing is repeated" in again.stderr
    other = tunegate(place, "train", *choices(place, epochs=2), "-o", str(out))
    assert (other.returncode, "already holds files" in other.stderr) == (2, True)
