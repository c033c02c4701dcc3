"""A tuned model's artifact: evaluated as its manifest says, and not at all where its files are others."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from scripted_endpoint import Endpoint, Write, chat, right

from service.artifacts.bundle import finish_run
from service.errors import TuneGateError
from service.evaluate.models import Model
from service.verbs.evaluate import EvaluateRequest, evaluate
from service.verbs.evaluating.folders import engines_of
from trainers.contract import (
    DatasetRef,
    GenaiResult,
    Hyperparameters,
    OnnxResult,
    ParityResult,
    Result,
    TrainPlan,
)

PARITY = ParityResult(
    max_abs_logit_diff=1e-6, relative_logit_diff=1e-7, greedy_tokens_compared=128, greedy_tokens_equal=128
)


def artifact(name: str, *, verified: bool) -> Path:
    """A finished run of one ONNX export; its genai configuration is there, proven or not."""
    plan = TrainPlan(
        id="p" * 64, decision="d" * 64, lint_report="l" * 64, estimate=None, target="local", model="base",
        model_fingerprint="f" * 64, technique="lora", sharding="none",
        dataset=DatasetRef(path="train.jsonl", sha256="s" * 64), validation=None,
        hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3),
    )  # fmt: skip
    inside = Path(name, "onnx", "fp32")
    inside.mkdir(parents=True)
    for file in ("model.onnx", "genai_config.json"):
        (inside / file).write_text(file)
    Path(name, "plan.json").write_bytes(msgspec.json.encode(plan))
    onnx = OnnxResult(
        path="onnx/fp32/model.onnx", route="genai-builder", precision="fp32", opset=22, parity=PARITY,
        genai=GenaiResult(verified=verified),
    )  # fmt: skip
    Path(name, "result.json").write_bytes(msgspec.json.encode(Result(status="succeeded", plan=plan.id, onnx=[onnx])))
    finish_run(Path(name), plan=plan, job=None)
    return inside


def test_damaged_artifacts_are_refused_before_anything_is_asked(write: Write) -> None:
    """All of them at once, as `tunegate chat` refuses each."""
    write("rows.jsonl", [chat("question 1", "answer 1")])
    for name in ("one", "two"):
        (artifact(name, verified=True) / "model.onnx").write_text("other ones")
    with Endpoint(right) as endpoint, pytest.raises(TuneGateError) as raised:
        evaluate(EvaluateRequest(files=[Path("rows.jsonl")], out=Path("o"), models=["one", "two", f"m@{endpoint.url}"]))
    assert raised.value.code == "artifact_corrupt"
    assert [one.where for one in raised.value.errors] == [
        f"model {name}: onnx/fp32/model.onnx" for name in ("one", "two")
    ]
    assert endpoint.bodies == []


def test_the_engine_is_the_one_that_was_proven() -> None:
    places = {name: artifact(name, verified=name == "proven") for name in ("proven", "other")}
    models = [Model(id=name, name=name, folder=str(place), sha256="0") for name, place in places.items()]
    assert engines_of(models) == {"proven": "onnxruntime-genai", "other": "onnxruntime"}
