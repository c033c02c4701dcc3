"""The model card says what is known, and does not pretend to what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from service.artifacts.card import model_card
from service.artifacts.licence import base_licence
from service.launch.local import work_plan
from service.records.manifest import Chain
from trainers.contract import (
    Adapter,
    Compute,
    DatasetRef,
    GenaiResult,
    Hyperparameters,
    OnnxLeftOut,
    OnnxResult,
    ParityResult,
    Result,
    TrainPlan,
)

PLAN = TrainPlan(
    id="p" * 64, decision=None, lint_report=None, estimate=None, target="local", model="/home/someone/models/tiny",
    model_fingerprint="f" * 64, technique="dora", sharding="none",
    dataset=DatasetRef(path="/home/someone/train.jsonl", sha256="s" * 64), validation=None,
    hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3),
)  # fmt: skip
PARITY = ParityResult(
    max_abs_logit_diff=0.01, relative_logit_diff=0.001, greedy_tokens_compared=128, greedy_tokens_equal=127
)
CHAIN = Chain(decision=None, lint_report=None, estimate=None, plan="p" * 64, job=None)


def onnx(**more: Any) -> OnnxResult:
    plain = {"path": "onnx/fp16/model.onnx", "route": "genai-builder", "precision": "fp16", "opset": 22}
    return OnnxResult(**plain | {"parity": PARITY} | more)


def card(*models: OnnxResult, plan: TrainPlan = PLAN, left_out: list[OnnxLeftOut] | None = None, **more: Any) -> str:
    result = Result(status="succeeded", plan=plan.id, onnx=list(models), onnx_left_out=left_out or [])
    return model_card(plan, result, CHAIN, **more)


def front_matter(text: str) -> Any:
    return yaml.safe_load(text.split("---\n")[1])


def test_no_path_of_the_machine_is_in_the_card() -> None:
    text = card(onnx())
    assert "/home" not in text
    assert front_matter(text)["base_model"] == "tiny"


def test_a_hub_model_is_named_with_its_commit() -> None:
    text = card(onnx(), plan=msgspec.structs.replace(PLAN, model="acme/tiny", model_revision="c" * 40))
    assert front_matter(text)["base_model"] == "acme/tiny"
    assert "c" * 40 in text


def test_what_was_settled_otherwise_than_by_default_is_in_the_card() -> None:
    values = msgspec.structs.replace(
        PLAN.hyperparameters, packing=True, keep="best", adapter=Adapter(init="pissa", targets=["q_proj"])
    )
    plan = msgspec.structs.replace(
        PLAN, hyperparameters=values, processes=2, sharding="zero2", offload_optimizer=True,
        compute=Compute(autocast="bf16"),
    )  # fmt: skip
    text = card(onnx(), plan=plan)
    rows = {"| processes | 2 |", "| sharding | zero2 |", "| optimizer state | in host memory |", "| packing | True |",
            "| keep | best |", "| init | pissa |", "| autocast | bf16 |", "| targets | ['q_proj'] |"}  # fmt: skip
    assert {row for row in rows if row not in text} == set()
    assert "| sharding |" not in card(onnx())
    assert "| autocast |" not in card(onnx())


def test_an_unknown_licence_is_left_out_and_said() -> None:
    text = card(onnx())
    assert "license" not in front_matter(text)
    assert "names no licence" in text
    assert front_matter(card(onnx(), licence="mit"))["license"] == "mit"


def test_what_was_not_verified_is_said() -> None:
    built = onnx(provider="cuda", verified=False, proven_on="CPUExecutionProvider")
    text = card(built)
    assert "cuda (unverified)" in text
    assert "proven on CPUExecutionProvider only" in text
    assert "not measured" in text
    assert 'providers=["CUDAExecutionProvider", "CPUExecutionProvider"]' in text


def test_genai_code_is_shown_only_where_it_was_proven() -> None:
    assert "import onnxruntime_genai" in card(onnx(genai=GenaiResult(verified=True)))
    refused = card(onnx(genai=GenaiResult(verified=False, why="its answers differ")))
    assert "import onnxruntime_genai" not in refused
    assert "onnxruntime-genai" not in front_matter(refused)["tags"]
    assert "its answers differ" in refused


def test_what_was_left_out_is_said_with_the_next_precision() -> None:
    left = OnnxLeftOut(precision="int4", why="loss +0.5 nats (at most +0.1)", next="int8")
    assert "`int4` is left out: loss +0.5 nats (at most +0.1). The next precision is `int8`." in card(
        onnx(), left_out=[left]
    )


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# x\n", "apache-2.0"),
        ('---\r\nlicense: "llama3.1"\r\n---\r\n', "llama3.1"),
        ("# x\nlicense: mit\n", None),
        ("---\nlanguage: en\n---\nlicense: mit\n", None),
        ("---\nlicense: [a, b]\n---\n", None),
        (None, None),
    ],
)
def test_the_licence_is_read_from_the_base_model_s_card(tmp_path: Path, text: str | None, licence: str | None) -> None:
    base = tmp_path / "base"
    base.mkdir()
    if text is not None:
        (base / "README.md").write_bytes(text.encode())
    plan = work_plan(tmp_path / "run")
    plan.parent.mkdir(parents=True)
    plan.write_bytes(msgspec.json.encode(msgspec.structs.replace(PLAN, model=str(base))))
    assert base_licence(tmp_path / "run") == licence
