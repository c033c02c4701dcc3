"""--from RUN: a new plan takes over what the run decided, refuses what differs, and trains on what was left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run

Plan = Callable[..., tuple[int, Any]]
TEMPLATE = """{%- for message in messages -%}{{ '<|' + message['role'] + '|> ' + message['content'] + '<|end|>' }}\
{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|assistant|> ' }}{%- endif -%}"""


@pytest.fixture(scope="module")
def first(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished LoRA run on a template of its own."""
    place = tmp_path_factory.mktemp("first")
    (place / "own.jinja").write_text(TEMPLATE)
    shape = ["--adapter-r", "4", "--adapter-targets", "qkv_proj,down_proj", "--rslora"]
    base = ["--model", str(tiny.place / "base"), "--technique", "lora", "--chat-template", str(place / "own.jinja")]
    assert tiny.train(place / "run", *base, *shape, "--epochs", "6", "--learning-rate", "0.03") == 0
    return place / "run"


@pytest.fixture
def plan(tiny: Any, capsys: pytest.CaptureFixture[str]) -> Plan:
    """(exit code, the plan or the problem)."""

    def call(*arguments: str) -> tuple[int, Any]:
        code = run(["plan", *tiny.options("more.jsonl"), *arguments, "--format", "json"])
        captured = capsys.readouterr()
        return code, json.loads(captured.out or captured.err)

    return call


def test_what_nobody_says_is_the_run_s(first: Path, plan: Plan, tmp_path: Path) -> None:
    earlier = {name: json.loads((first / f"{name}.json").read_text()) for name in ("manifest", "plan")}
    code, made = plan("--from", str(first))
    assert code == 0
    start = made["starts_from"]
    assert (start["manifest"], start["kind"], start["base_model"]) == (earlier["manifest"]["id"], "adapter", "base")
    for name in ("technique", "model", "model_fingerprint", "chat_template"):
        assert made[name] == earlier["plan"][name]
    assert made["chat_template"]["text"] == TEMPLATE
    assert made["hyperparameters"]["adapter"] == earlier["plan"]["hyperparameters"]["adapter"]
    taken = {one["name"] for one in made["choices"] if earlier["manifest"]["id"][:12] in one["why"]}
    assert taken == {"technique", "model", "adapter", "chat_template"}
    # how it is trained is free
    code, other = plan("--from", str(first), "--adapter-dropout", "0.1", "--adapter-r", "4", "--technique", "lora")
    assert (code, other["hyperparameters"]["adapter"]["dropout"]) == (0, 0.1)
    assert {key: other["hyperparameters"]["adapter"][key] for key in ("r", "alpha", "rslora")} == {
        "r": 4, "alpha": 8, "rslora": True,
    }  # fmt: skip
    # where the run lies is no part of the plan
    shutil.copytree(first, tmp_path / "moved")
    assert plan("--from", str(tmp_path / "moved"))[1]["id"] == made["id"]
    own = tmp_path / "given.jinja"
    own.write_text(TEMPLATE + " ")
    given = plan("--from", str(first), "--chat-template", str(own))[1]
    assert given["chat_template"]["text"] == TEMPLATE + " "
    assert "in place of" in next(one["why"] for one in given["choices"] if one["name"] == "chat_template")


def test_what_differs_from_the_run_is_refused_all_at_once(first: Path, plan: Plan, tiny: Any, tmp_path: Path) -> None:
    other = tiny.make_base(tmp_path / "other", seed=1)
    asked = ["--model", str(other), "--technique", "dora", "--adapter-r", "8", "--adapter-targets", "qkv_proj"]
    code, problem = plan("--from", str(first), *asked)
    assert (code, problem["code"]) == (2, "invalid_input")
    found = {one["where"]: one for one in problem["errors"]}
    assert set(found) == {"technique", "model", "hyperparameters.adapter.r", "hyperparameters.adapter.targets"}
    assert (found["technique"]["seen"], found["technique"]["allowed"]) == ("dora", "lora")
    earlier = json.loads((first / "plan.json").read_text())["model_fingerprint"]
    assert f"base with fingerprint {earlier[:12]}" in found["model"]["allowed"]
    assert "other with fingerprint" in found["model"]["seen"]
    assert earlier[:12] not in found["model"]["seen"]
    assert (found["hyperparameters.adapter.r"]["seen"], found["hyperparameters.adapter.r"]["allowed"]) == ("8", "4")
    assert all(one["remedy"] for one in problem["errors"])


def test_a_run_that_cannot_be_gone_on_from_is_refused(first: Path, plan: Plan, tmp_path: Path) -> None:
    code, problem = plan("--from", str(tmp_path / "nothing"))
    assert (code, problem["code"]) == (1, "artifact_not_ready")
    copy = tmp_path / "copy"
    shutil.copytree(first, copy)
    weights = copy / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    code, problem = plan("--from", str(copy))
    assert (code, problem["code"]) == (1, "artifact_corrupt")
    assert problem["errors"][0]["where"] == "adapter/adapter_model.safetensors"


def test_it_trains_on_from_there_and_the_chain_says_so(
    first: Path, tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "second"
    # far too large steps, on rows that say the opposite: it ends in an artifact, which is worse than what it began with
    ruinous = ["--from", str(first), "--epochs", "1", "--learning-rate", "0.3", "--seed", "3"]
    assert tiny.train(out, *ruinous, data="more.jsonl") == 1
    said = capsys.readouterr()
    assert "GATE FAILED: The candidate is worse: row_loss +" in said.err
    assert f"The artifact is in {out}" in said.err
    earlier, made = (json.loads((place / "manifest.json").read_text()) for place in (first, out))
    assert made["chain"]["starts_from"] == earlier["id"]
    before, left = made["evaluation"]["before"], earlier["evaluation"]["after"]
    assert before["validation_loss"] == pytest.approx(left["validation_loss"], abs=1e-4)
    assert before["validation_loss"] != pytest.approx(earlier["evaluation"]["before"]["validation_loss"], abs=1e-2)
    # the first loss is of a model that knows the rows' form already, not of the untuned one
    assert made["training"]["first_loss"] < earlier["training"]["first_loss"] - 0.2
    told = (out / "progress.jsonl").read_text()
    assert "merged: logits differ by" in told
    assert f"what run {earlier['id'][:12]} left" in told
    assert earlier["id"] in (out / "README.md").read_text()
    assert made["evaluation"]["comparison"]["gate"] == "failed"
    assert "The gate FAILED. The candidate is worse: row_loss +" in (out / "README.md").read_text()
    again = ["train", *tiny.options("more.jsonl"), "--onnx", "none", *ruinous]
    assert run([*again, "-o", str(out)]) == 1  # it is still worse, and not trained again
    assert "GATE FAILED" in capsys.readouterr().err
    shutil.rmtree(out / "adapter")
    assert run([*again, "-o", str(out)]) == 1  # verified, not trained again
    assert "adapter/chat_template.jinja; saw missing" in capsys.readouterr().err
    # an earlier run that changed between the plan and the launch
    plan_file = tmp_path / "plan.json"
    assert run(["plan", *again[1:], "--format", "json", "--output", str(plan_file)]) == 0
    moved = first.with_name("gone")
    first.rename(moved)
    try:
        assert run(["train", str(plan_file), "-o", str(tmp_path / "third")]) == 2
    finally:
        moved.rename(first)


def test_a_sweep_whose_best_trial_is_worse_says_so(
    first: Path, tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    ruinous = ["--from", str(first), "--learning-rate", "0.3", "--seed", "3"]
    one_of_two = ["--sweep", "n_epochs=1,2", "--budget", "1"]
    command = ["train", *tiny.options("more.jsonl"), "--onnx", "none", *ruinous, *one_of_two, "-o", str(out)]
    assert run(command) == 1
    said = capsys.readouterr()
    assert "GATE FAILED: the best trial: The candidate is worse: row_loss +" in said.err
    assert "gate failed: The candidate is worse: row_loss +" in said.out
    best = json.loads((out / "sweep.json").read_text())["best"]
    assert best["gate"] == "failed"
    assert (
        json.loads((out / "best" / "manifest.json").read_text())["evaluation"]["comparison"]["why"] == best["gate_why"]
    )
    assert run(command) == 1  # done before, and still worse
