"""A tiny random model with the example's tokenizer and template, and plans on tiny data."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from trainers.contract import Adapter, Check, DatasetRef, EvaluationSettings, Hyperparameters, Outputs, TrainPlan

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
MARKER = "quokka"


def example_module(name: str) -> ModuleType:
    sys.path.insert(0, str(DESK))
    spec = importlib.util.spec_from_file_location(name, DESK / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def conversation(n: int, **last: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"What about the {MARKER} {n}?"},
            {"role": "assistant", "content": f"The {MARKER} {n} is here."} | last,
        ]
    }


def write_rows(path: Path, rows: list[dict[str, Any]]) -> DatasetRef:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DatasetRef(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    maker = example_module("make_base_model")
    maker.VOCABULARY = 330  # must differ from the width of every linear layer below
    texts = [json.dumps(conversation(n)) for n in range(50)]
    return maker.train_tokenizer(texts)


@pytest.fixture(scope="session")
def model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import Phi3Config, Phi3ForCausalLM

    torch.manual_seed(0)
    config = Phi3Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, original_max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("model") / "tiny"
    Phi3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Here and in what is started from here, so that sums are the same to the bit."""
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


MakePlan = Callable[..., Path]


@pytest.fixture
def make_plan(model: Path, tmp_path: Path) -> MakePlan:
    """Writes a plan over tiny data, with any field replaced."""

    def make(rows: list[dict[str, Any]] | None = None, *, n_epochs: int = 2, **changes: Any) -> Path:
        data = write_rows(tmp_path / "train.jsonl", rows or [conversation(n) for n in range(8)])
        held_out = write_rows(tmp_path / "validation.jsonl", [conversation(n) for n in range(20, 24)])
        plan = TrainPlan(
            id="p" * 64, decision=None, lint_report=None, estimate=None, target="local", model=str(model),
            model_fingerprint=None, technique="lora", sharding="none", dataset=data, validation=held_out,
            hyperparameters=Hyperparameters(
                batch_size=4, micro_batch=2, base_learning_rate=1e-2, learning_rate=1e-2, n_epochs=n_epochs,
                adapter=Adapter(r=4, alpha=8),
            ),
            evaluation=EvaluationSettings(max_rows=4, max_new_tokens=8, checks=[Check("any", ".*")]),
            outputs=Outputs(["fp32"]),
        )  # fmt: skip
        path = tmp_path / "plan.json"
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(plan, **changes)))
        return path

    return make


def start_trainer(plan: Path, out: Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "trainers.train", str(plan), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


@pytest.fixture(scope="session")
def run_trainer() -> Callable[..., tuple[int, str, Any]]:
    """(exit code, everything printed, result or None) of a whole run."""

    def run(plan: Path, out: Path, **options: Any) -> tuple[int, str, Any]:
        process = start_trainer(plan, out, **options)
        printed, _ = process.communicate(timeout=600)
        result = out / "result.json"
        return process.returncode, printed, json.loads(result.read_text()) if result.exists() else None

    return run


@pytest.fixture(scope="session")
def starter() -> Callable[..., subprocess.Popen[str]]:
    return start_trainer


@pytest.fixture(scope="session")
def rows() -> Callable[..., dict[str, Any]]:
    return conversation
