"""estimate --simulate: the same record from a step that was run, for what no formula covers too, within limits."""

from __future__ import annotations

import json
import os
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
from service.estimate.defaults import settings_of
from service.estimate.hardware import ANY_GPU
from service.estimate.inputs import EstimateInputs
from service.launch.simulation import run_simulation
from service.verbs.estimating.simulated import SimulatedModel, simulation_question
from trainers.contract import SimulationQuestion

SMALL = ["smollm2-135m", "--seq-len", "256", "--gpu", "A100-80GB", "--no-padded"]
CONFIG = {"model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
          "num_attention_heads": 4, "vocab_size": 1000}  # fmt: skip


def estimated(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run(["estimate", *arguments, "--format", "json"]) == code
    said = capsys.readouterr()
    return json.loads(said.err if code else said.out)


def test_the_record_is_the_formula_s_but_for_its_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    asked = [*SMALL, "--technique", "lora"]
    formula, simulated = estimated(capsys, *asked), estimated(capsys, *asked, "--simulate")
    assert (formula["evidence"], simulated["evidence"]) == ("formula", "simulated")
    assert simulated["peak"]["allocated_gib"] == pytest.approx(formula["peak"]["allocated_gib"], rel=0.01)
    parts = sum(term["gib"] for term in simulated["breakdown"])
    assert parts == pytest.approx(simulated["peak"]["allocated_gib"], abs=1e-6)
    assert simulated["assumptions"]["params"] == formula["assumptions"]["params"]
    assert [fit["gpu"] for fit in simulated["fits"]] == ["A100-80GB"]
    assert max(size for _, size in simulated["timeline"]) > 0
    assert formula["timeline"] is None
    assert simulated.keys() == formula.keys()
    assert simulated["id"] != formula["id"]
    machine = {name: formula["smallest"][name] for name in ("machine", "gpu", "sharding", "verdict")}
    assert {name: simulated["smallest"][name] for name in machine} == machine
    assert simulated["fits"][0]["max_seq_len"] is None
    assert formula["fits"][0]["max_seq_len"] > 256


def test_the_simulation_is_told_the_attention_that_a_class_really_runs() -> None:
    inputs, device = EstimateInputs(model="any"), ANY_GPU
    found = []
    for family in ("gemma2", "llama"):
        settings, _ = settings_of(inputs, "lora", device=device, seq_len=64)
        model = SimulatedModel("any", CONFIG | {"model_type": family})
        found.append(simulation_question(inputs, "lora", settings, model=model, device=device).kernel)
    assert found == ["eager", "efficient"]


def test_a_method_without_a_formula_is_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    method = ["--technique", "peft", "--peft", '{"peft_type": "IA3"}']
    problem = estimated(capsys, *SMALL, *method, code=2)
    assert "--simulate" in problem["errors"][0]["remedy"]
    found = estimated(capsys, *SMALL, *method, "--simulate")
    assert 0 < found["assumptions"]["trained_params"] < 1_000_000


def test_what_cannot_be_simulated_names_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    loha = ["--technique", "peft", "--peft", '{"peft_type": "LOHA"}']
    problem = estimated(capsys, *SMALL, *loha, "--simulate", code=2)
    assert problem["code"] == "target_cannot"
    assert "Not simulable" in problem["detail"]


def test_what_nobody_uses_is_not_taken_silently(capsys: pytest.CaptureFixture[str]) -> None:
    problem = estimated(capsys, *SMALL, "--technique", "lora", "--peft", '{"peft_type": "IA3"}', "--simulate", code=2)
    assert [item["where"] for item in problem["errors"]] == ["peft"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "bert"}, "encoder"),
        ({"model_type": "bloom", "num_attention_heads": "4", "num_key_value_heads": 2}, ""),
    ],
)
def test_an_odd_config_is_a_problem_and_no_crash(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config: dict[str, Any], said: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    asked = [str(tmp_path / "config.json"), "--technique", "full", "--gpu", "A100-80GB", "--simulate"]
    problem = estimated(capsys, *asked, code=2)
    assert problem["code"] == "unsupported_family"
    assert said in problem["detail"]


def test_a_simulation_ends_with_whoever_asked(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": 400}))
    asked = [str(tmp_path / "config.json"), "--technique", "dora", "--gpu", "A100-80GB", "--simulate"]
    ours = {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-m", "service", "estimate", *asked], env=os.environ | ours)
    child = _waited(lambda: next(iter(psutil.Process(process.pid).children()), None))
    process.kill()
    process.wait()
    assert _waited(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert _waited(lambda: not list(tmp_path.glob("tunegate-simulation-*")))


def _waited(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


@pytest.mark.parametrize(("limit", "said"), [({"seconds": 0.2}, "0.2 seconds"), ({"memory_bytes": 2**20}, "memory")])
def test_a_simulation_over_its_limit_is_ended(limit: dict[str, Any], said: str) -> None:
    question = SimulationQuestion(config=CONFIG, technique="full", micro_batch=1, seq_len=64)
    with pytest.raises(TuneGateError, match=said):
        run_simulation(question, **limit)
    mine = psutil.Process().children(recursive=True)
    assert not [one for one in mine if "trainers.simulation" in " ".join(one.cmdline())]
