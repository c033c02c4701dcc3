"""estimate --measure: real steps on this machine's CPU, a driver that says there is a GPU, and what is kept."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.cli.app import run
from service.errors import TuneGateError
from service.launch.measurement import run_measurement
from trainers.contract import MeasurementQuestion

CONFIG = {
    "model_type": "llama", "vocab_size": 2000, "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "tie_word_embeddings": False,
}  # fmt: skip
SHAPE = ["--technique", "lora", "--micro-batch", "2", "--seq-len", "96"]
DRIVER = """#!/bin/sh
case "$*" in
  *compute_cap*) printf '{capability}\\n' ;;
  *memory.used*) printf '{name}, 15360, 3\\n' ;;
  *) printf '{name}, 15360\\n' ;;
esac
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "home"


def config(folder: Path, **changes: Any) -> str:
    (folder / "tiny").mkdir(exist_ok=True)
    (folder / "tiny" / "config.json").write_text(json.dumps(CONFIG | changes))
    return str(folder / "tiny" / "config.json")


def estimated(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run(["estimate", *arguments, "--format", "json"]) == code
    said = capsys.readouterr()
    return json.loads(said.err if code else said.out)


def with_driver(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, capability: str = "7.5") -> None:
    program = folder / "nvidia-smi"
    program.write_text(DRIVER.format(name=name, capability=capability))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_what_was_measured_is_the_answer_and_calibrates_the_next(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    asked = [config(tmp_path), *SHAPE, "--gpu", "cpu"]
    before = estimated(capsys, *asked)
    found = estimated(capsys, *asked, "--measure")
    assert (found["evidence"], found["validated"], found["assumptions"]["unvalidated"]) == ("measured", True, [])
    assert found["peak"]["allocated_gib"] == found["phases"][found["phase"]] == max(found["phases"].values())
    assert sum(term["gib"] for term in found["breakdown"]) == pytest.approx(found["peak"]["allocated_gib"], abs=1e-6)
    rest = {term["term"]: term["gib"] for term in found["breakdown"]}["unexplained"]
    assert abs(rest) < 0.03 * found["peak"]["allocated_gib"]
    assert [(fit["gpu"], fit["verdict"]) for fit in found["fits"]] == [("cpu", "fits")]
    assert found["peak"]["context_gib"] == 0
    assert "formula_bug" not in found["assumptions"]
    shapes = [(one["micro_batch"], one["seq_len"]) for one in found["assumptions"]["measured"]["shapes"]]
    assert shapes == [(2, 96), (2, 48), (3, 96)]

    file = json.loads((home / "calibrations" / "cpu.json").read_text())
    (entry,) = file["calibrations"]
    assert (file["device"], entry["attention"], entry["quantisation"], len(entry["rows"])) == (
        "cpu",
        "eager",
        "none",
        3,
    )
    after = estimated(capsys, *asked)
    assert after["assumptions"]["calibrated_by"]["file"] == "calibrations/cpu.json"
    assert after["id"] != before["id"]
    # of the formula's figures only the constant is another one: a CPU has none
    constant = {term["term"]: term["gib"] for term in before["breakdown"]}["constant"]
    assert before["peak"]["allocated_gib"] - after["peak"]["allocated_gib"] == pytest.approx(constant, abs=2e-6)


def test_a_formula_that_is_wrong_is_a_finding_and_calibrates_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    """Dropout inside attention keeps noise that no formula counts."""
    path = config(tmp_path, attention_dropout=0.5, vocab_size=64)
    arguments = ["estimate", path, *SHAPE, "--seq-len", "256", "--gpu", "cpu", "--measure", "--format", "json"]
    assert run(arguments) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    bug = found["assumptions"]["formula_bug"]
    assert "bug of the formula" in said.err
    assert "report" in bug["text"]
    assert found["assumptions"]["formula"]["difference"] > 0.03
    assert {"loss", "bwd_first", "end", "opt"} <= {pair["phase"] for pair in bug["phases"] if pair["formula_gib"]}
    assert not (home / "calibrations").exists()
    assert sum(term["gib"] for term in found["breakdown"]) == pytest.approx(found["peak"]["allocated_gib"], abs=1e-6)


def test_memory_that_ends_is_the_answer_no_with_what_was_reached(tmp_path: Path, home: Path) -> None:
    path = config(tmp_path, num_attention_heads=64, num_key_value_heads=64)
    asked = [path, "--technique", "lora", "--gpu", "cpu", "--measure", "--seq-len", "4000", "--micro-batch", "3"]
    little = 10 * 2**30  # of addresses; one matrix of scores is 11 GiB
    done = subprocess.run(
        [sys.executable, "-m", "service", "estimate", *asked, "--format", "json"],
        capture_output=True, text=True, check=False, env=os.environ | {"TUNEGATE_HOME": str(home)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (little, little)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [fit["verdict"] for fit in found["fits"]] == ["no"]
    ended = found["assumptions"]["out_of_memory"]
    assert (found["phase"], ended["phase"]) == ("fwd", "fwd")
    assert 0 < ended["allocated_gib"] == found["peak"]["allocated_gib"] < ended["formula_gib"]
    assert not (home / "calibrations").exists()


def test_without_a_gpu_it_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = estimated(capsys, config(tmp_path), *SHAPE, "--measure", code=3)
    assert (problem["code"], problem["status"]) == ("missing_gpu", 422)
    assert "--gpu cpu" in problem["remedy"]


def test_a_gpu_that_pytorch_does_not_see_is_missing_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(tmp_path, monkeypatch, "Tesla T4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    problem = estimated(capsys, config(tmp_path), *SHAPE, "--gpu", "T4-16GB", "--measure", code=3)
    assert problem["code"] == "missing_gpu"
    assert "PyTorch" in problem["detail"]


def test_only_this_machine_s_devices_are_measured(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(tmp_path, monkeypatch, "Tesla T4")
    wrong = ["--gpu", "A100-80GB", "--loss", "fused", "--measure"]
    problem = estimated(capsys, config(tmp_path), *SHAPE, *wrong, code=2)
    assert [(item["where"], item["seen"]) for item in problem["errors"]] == [("gpu", "A100-80GB"), ("loss", "fused")]
    assert "T4-16GB (this machine's GPU), or cpu" in problem["errors"][0]["allowed"]


def test_two_tiers_at_once_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    problem = estimated(capsys, config(tmp_path), *SHAPE, "--measure", "--simulate", code=2)
    assert [item["where"] for item in problem["errors"]] == ["--measure"]


@pytest.mark.parametrize(("limit", "said"), [({"seconds": 0.2}, "0.2 seconds"), ({"memory_bytes": 2**20}, "memory")])
def test_a_measurement_over_its_limit_is_ended(limit: dict[str, Any], said: str) -> None:
    question = MeasurementQuestion(config=CONFIG, technique="full", micro_batch=1, seq_len=64, place="cpu")
    with pytest.raises(TuneGateError, match=said):
        run_measurement(question, **limit)
    mine = psutil.Process().children(recursive=True)
    assert not [one for one in mine if "trainers.measurement" in " ".join(one.cmdline())]


def test_an_interrupted_measurement_leaves_nothing_running(tmp_path: Path, home: Path) -> None:
    asked = [config(tmp_path, num_hidden_layers=200), *SHAPE, "--gpu", "cpu", "--measure"]
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "estimate", *asked],
        env=os.environ | {"TUNEGATE_HOME": str(home), "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    child = _waited(lambda: next(iter(psutil.Process(process.pid).children()), None))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert _waited(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert _waited(lambda: not list(tmp_path.glob("tunegate-measurement-*")))


def _waited(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")
