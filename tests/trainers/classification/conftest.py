"""Tiny encoders with the example's tokenizer, and plans on its labelled rows."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trainers.contract import Adapter, DatasetRef, EvaluationSettings, Hyperparameters, Outputs, Task, TrainPlan

DESK = Path(__file__).resolve().parents[3] / "examples" / "library-desk"
SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 40, "pad_token_id": 0,
}  # fmt: skip
OF_DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 40}
LABELS: dict[Task, list[str]] = {
    "text-classification": ["fines", "hours", "rooms"],
    "token-classification": ["B-DAY", "B-ITEM", "I-ITEM", "O"],
}


@pytest.fixture(scope="session")
def encoder_module() -> Any:
    sys.path.insert(0, str(DESK))
    import encoder_model

    return encoder_model


@pytest.fixture(scope="session")
def wordpiece(encoder_module: Any) -> Any:
    """A lower-casing tokenizer that takes most words apart."""
    return encoder_module.train_tokenizer(encoder_module.sentences(1)[:150])


@pytest.fixture(scope="session")
def make_encoder(wordpiece: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with a random model of the named transformers class."""

    def make(architecture: str, *, labels: list[str] | None = None, **settings: Any) -> Path:
        import torch
        import transformers

        torch.manual_seed(0)
        kind = architecture.split("For", maxsplit=1)[0]
        sizes = OF_DISTILBERT if kind == "DistilBert" else SIZES
        config = getattr(transformers, f"{kind}Config")(**sizes | {"vocab_size": len(wordpiece)} | settings)
        if labels:
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: index for index, label in enumerate(labels)}
        folder = tmp_path_factory.mktemp("encoder") / architecture.lower()
        getattr(transformers, architecture)(config).save_pretrained(folder)
        wordpiece.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def bert(make_encoder: Callable[..., Path]) -> Path:
    return make_encoder("BertForMaskedLM")


def text_rows(count: int) -> list[dict[str, Any]]:
    return [
        {"text1": f"{('What is the fine', 'When do you open', 'Book the room')[n % 3]} number {n}?",
         "label": LABELS["text-classification"][n % 3]}
        for n in range(count)
    ]  # fmt: skip


def word_rows(count: int) -> list[dict[str, Any]]:
    return [
        {"tokens": ["The", "bread", "book", "number", str(n), "on", "Monday"],
         "ner_tags": ["O", "B-ITEM", "I-ITEM", "O", "O", "O", "B-DAY"]}
        for n in range(count)
    ]  # fmt: skip


def written(path: Path, rows: list[dict[str, Any]]) -> DatasetRef:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DatasetRef(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def make_plan(bert: Path, tmp_path: Path) -> Callable[..., TrainPlan]:
    """A plan over tiny labelled data, with any field replaced."""

    def make(task: Task, rows: list[dict[str, Any]] | None = None, **changes: Any) -> TrainPlan:
        some = text_rows if task == "text-classification" else word_rows
        data = written(tmp_path / "train.jsonl", rows if rows is not None else some(12))
        plan = TrainPlan(
            id="p" * 64, decision=None, lint_report=None, estimate=None, target="local", model=str(bert),
            model_fingerprint=None, technique="lora", sharding="none", dataset=data,
            validation=written(tmp_path / "validation.jsonl", some(7)), task=task, labels=LABELS[task],
            hyperparameters=Hyperparameters(
                batch_size=4, micro_batch=2, base_learning_rate=1e-2, learning_rate=1e-2, n_epochs=2,
                adapter=Adapter(r=4, alpha=8),
            ),
            evaluation=EvaluationSettings(max_rows=100), outputs=Outputs(["fp32"]),
        )  # fmt: skip
        return msgspec.structs.replace(plan, **changes)

    return make


@pytest.fixture(scope="session")
def some_words() -> Callable[[int], list[dict[str, Any]]]:
    return word_rows


@pytest.fixture(scope="session")
def some_texts() -> Callable[[int], list[dict[str, Any]]]:
    return text_rows
