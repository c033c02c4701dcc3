"""Runs on a supplied chat template, packed and cut: what is said before the first step, and what travels."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import chat_templates as shapes
import msgspec
import pytest

from trainers.contract import ChatTemplate, Hyperparameters, TrainPlan
from trainers.progress import ProgressWriter
from trainers.tune import tune

Runner = Callable[..., tuple[int, str, Any]]
# the tokenizer of these tests has Phi's markers, so a template of that shape stops where the model does
TEMPLATE = shapes.PHI
GIVEN = ChatTemplate(sha256=hashlib.sha256(TEMPLATE.encode()).hexdigest(), text=TEMPLATE)


class Unasked:
    """A stop signal that nobody sends."""

    def __call__(self) -> bool:
        return False

    def gentle(self) -> Any:
        return nullcontext()


@pytest.fixture
def no_template(model: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "no-template"
    shutil.copytree(model, folder)
    (folder / "chat_template.jinja").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def settings(plan: Path, **changes: Any) -> TrainPlan:
    decoded = msgspec.json.decode(plan.read_bytes(), type=TrainPlan)
    values: Hyperparameters = msgspec.structs.replace(decoded.hyperparameters, **changes)
    return msgspec.structs.replace(decoded, hyperparameters=values)


def test_a_supplied_template_trains_and_travels(
    make_plan: Any, rows: Any, run_trainer: Runner, no_template: Path, tmp_path: Path
) -> None:
    data = [rows(n) for n in range(7)] + [rows(8, content="The quokka " + "is here and there " * 40)]
    path = make_plan(data, model=str(no_template), chat_template=GIVEN, n_epochs=1)
    path.write_bytes(msgspec.json.encode(settings(path, packing=True, overlong="cut", max_tokens=60)))
    out = tmp_path / "out"
    code, printed, result = run_trainer(path, out)
    assert code == 0, printed
    for folder in ("adapter", "onnx/fp32"):
        assert (out / folder / "chat_template.jinja").read_text() == TEMPLATE
    used = result["training"]["data"]
    assert (used["rows"], used["samples"], used["cut_samples"], used["longest_sample"]) == (8, 8, 1, 60)
    records = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    first_step = next(record["n"] for record in records if record["event"] == "step")
    said = " | ".join(record["message"] for record in records if record["event"] == "log" and record["n"] < first_step)
    for part in ("8 rows, 8 samples", "1 samples were cut to 60 tokens", "packing: 4 rows per step", "content as text"):
        assert part in said


def test_without_a_template_the_remedy_is_named(
    make_plan: Any, run_trainer: Runner, no_template: Path, tmp_path: Path
) -> None:
    code, _, result = run_trainer(make_plan(model=str(no_template)), tmp_path / "out")
    assert (code, result["error"]["code"]) == (2, "unreadable_model")
    assert "--chat-template FILE" in result["error"]["remedy"]


def test_packed_steps_have_the_losses_of_padded_ones(make_plan: Any, rows: Any, tmp_path: Path) -> None:
    data = [rows(n, content="The quokka is here. " * (1 + n % 4)) for n in range(12)]
    losses = {}
    for packing in (False, True):
        out = tmp_path / str(packing)
        out.mkdir()
        plan = settings(make_plan(data, validation=None), packing=packing)
        tune(plan, out, ProgressWriter(out), Unasked())
        records = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
        losses[packing] = [record["loss"] for record in records if record["event"] == "step"]
    assert len(losses[True]) == 6
    assert losses[True] == pytest.approx(losses[False], abs=2e-4)
