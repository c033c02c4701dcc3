"""Tiny models of several architectures, and the export and proof of each as a trainer runs them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from trainers.contract import (
    DatasetRef,
    EvaluationSettings,
    Hyperparameters,
    OnnxLeftOut,
    OnnxResult,
    Outputs,
    TrainPlan,
)
from trainers.outfiles import WORK, load_part
from trainers.progress import ProgressWriter


class Proven(NamedTuple):
    """A run folder after its export, with what the gate said of it."""

    out: Path
    model: Path
    onnx: dict[str, OnnxResult]
    left_out: dict[str, OnnxLeftOut]

    def folder(self, precision: str) -> Path:
        return self.out / "onnx" / precision

    @property
    def said(self) -> str:
        return (self.out / "progress.jsonl").read_text()


SIZES = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 96, "max_position_embeddings": 256,
}  # fmt: skip


@pytest.fixture(scope="session")
def make_model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with a random model of the named transformers class; `change` may touch its weights."""

    def make(architecture: str, change: Callable[[Any], None] | None = None, **settings: Any) -> Path:
        import torch
        import transformers

        torch.manual_seed(0)
        config = getattr(transformers, architecture.replace("ForCausalLM", "").replace("LMHeadModel", "") + "Config")
        sizes = {} if architecture.startswith("GPT2") else SIZES
        model = getattr(transformers, architecture)(
            config(
                **sizes | settings, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id,
            )
        )  # fmt: skip
        if change is not None:
            with torch.no_grad():
                change(model)
        folder = tmp_path_factory.mktemp("model") / architecture.lower()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def gpt2(make_model: Callable[..., Path]) -> Path:
    """An architecture that the builder does not know; its layers are Conv1D, which the exporter turns into Gemm."""
    return make_model("GPT2LMHeadModel", n_embd=64, n_layer=1, n_head=4, n_positions=256)


@pytest.fixture(scope="session")
def ready(rows: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[TrainPlan, Path]]:
    """A plan, and a run folder as it is after the merge."""

    def make(model: Path, *precisions: str, provider: str = "cpu") -> tuple[TrainPlan, Path]:
        out = tmp_path_factory.mktemp("out")
        shutil.copytree(model, out / WORK / "merged")
        data = out / WORK / "validation.jsonl"
        data.write_text("".join(json.dumps(rows(n)) + "\n" for n in (1, 22, 333, 4, 5)))
        reference = DatasetRef(path=str(data), sha256=hashlib.sha256(data.read_bytes()).hexdigest())
        plan = TrainPlan(
            id="p" * 64, decision=None, lint_report=None, estimate=None, target="local", model=str(model),
            model_fingerprint=None, technique="lora", sharding="none", dataset=reference, validation=reference,
            hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3),
            evaluation=EvaluationSettings(max_rows=4, max_new_tokens=8),
            outputs=msgspec.convert({"onnx": list(precisions), "provider": provider}, Outputs),
        )  # fmt: skip
        return plan, out

    return make


@pytest.fixture(scope="session")
def export_and_prove(ready: Callable[..., tuple[TrainPlan, Path]]) -> Callable[..., Proven]:
    """Both phases in this process: the workers that run them apart are tested with whole runs."""

    def run(model: Path, *precisions: str, provider: str = "cpu") -> Proven:
        from trainers.onnx.build import export

        plan, out = ready(model, *precisions, provider=provider)
        export(plan, out, ProgressWriter(out))
        return prove_again(plan, out)

    return run


def prove_again(plan: TrainPlan, out: Path) -> Proven:
    from trainers.onnx.prove import prove

    prove(plan, out, ProgressWriter(out), evaluated=False)
    part = load_part(out, "onnx")
    passed = msgspec.convert(part["onnx"], list[OnnxResult])
    left_out = msgspec.convert(part["left_out"], list[OnnxLeftOut])
    return Proven(
        out, Path(plan.model), {one.precision: one for one in passed}, {one.precision: one for one in left_out}
    )


@pytest.fixture(scope="session")
def prove_it() -> Callable[[TrainPlan, Path], Proven]:
    return prove_again


def on_sixteen_steps(model: Any) -> None:
    """Weights that four bits can hold: random ones are no quality to keep, and would miss the limits of int4."""
    for name, weight in model.named_parameters():
        if weight.ndim == 2 and "embed" not in name:
            blocks = weight.view(-1, 32)
            step = blocks.abs().amax(1, keepdim=True) / 7
            blocks.copy_((blocks / step).round() * step)
            blocks[:, 0] = -8 * step[:, 0]


@pytest.fixture(scope="module")
def llama(make_model: Callable[..., Path], export_and_prove: Callable[..., Proven]) -> Proven:
    return export_and_prove(make_model("LlamaForCausalLM", on_sixteen_steps), "fp32", "int8", "int4")
