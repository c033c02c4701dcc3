"""The whole path on the example's rows: plan, training, ONNX, and the card's own lines in plain onnxruntime."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from in_process import tune_here

from trainers.contract import Adapter, Hyperparameters, TrainPlan

DESK = Path(__file__).resolve().parents[3] / "examples" / "library-desk"
MakePlan = Callable[..., TrainPlan]


def tunegate(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "service", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def encoder(encoder_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example's encoder after a few steps only: it has to learn from the labels."""
    import torch

    place = tmp_path_factory.mktemp("base")
    texts = encoder_module.sentences(7)
    tokenizer = encoder_module.train_tokenizer(texts)
    torch.manual_seed(7)
    model = encoder_module.new_model(tokenizer)
    encoder_module.pretrain(model, tokenizer, texts, steps=30, seed=7)
    model.save_pretrained(place / "encoder")
    tokenizer.save_pretrained(place / "encoder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("TUNEGATE_HOME", str(place / "home"))
        yield place / "encoder"


def train(encoder: Path, out: Path, name: str, *more: str) -> dict[str, Any]:
    data = ["--data", str(DESK / f"{name}-train.jsonl"), "--validation", str(DESK / f"{name}-validation.jsonl")]
    said = tunegate("train", "--model", str(encoder), *data, *more, "-o", str(out), "--format", "json")
    manifest: dict[str, Any] = json.loads(said)
    return manifest


def card_says(out: Path, text: str) -> str:
    """What the code of the model card prints, with another text in it, in a process of its own."""
    (code,) = re.findall(r"```python\n(.*?)```", (out / "README.md").read_text(), re.DOTALL)
    changed = code.replace("When do you open on Monday?", text)
    assert "transformers" not in changed
    done = subprocess.run([sys.executable, "-c", changed], cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_intents_are_learnt_and_the_graph_names_them(encoder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = ["--technique", "full", "--learning-rate", "1e-3", "--epochs", "10", "--onnx", "fp32", "--onnx", "int8"]
    made = train(encoder, out, "intents", *asked, "--seed", "1")
    before, after = made["evaluation"]["before"], made["evaluation"]["after"]
    assert before["fresh_head"]
    assert not after["fresh_head"]
    assert after["rows"] == 90
    assert after["majority_macro_f1"] < 0.05
    assert after["macro_f1"] > 0.6 > 0.2 > before["macro_f1"]
    assert sum(one["support"] for one in after["labels"].values()) == 90
    assert made["data"]["samples"] == 270
    held = made["evaluation"]["comparison"]
    assert (held["gate"], held["measure"]) == ("passed", "accuracy")
    for when, figures in (("before", before), ("after", after)):
        assert held[when]["accuracy"]["value"] == pytest.approx(figures["accuracy"], abs=1e-6)
        assert held[when]["row_loss"]["value"] == pytest.approx(figures["validation_loss"], abs=1e-6)
    for one in made["onnx"]:
        assert one["quality"]["f1"] >= after["macro_f1"] - 0.01
        assert one["parity"]["predictions_compared"] == 90
    # rows that it was trained on: of others, the nearest class depends on how many threads summed
    rows = [json.loads(line) for line in (DESK / "intents-train.jsonl").read_text().splitlines()[:200:67]]
    said = [card_says(out, row["text1"]).strip() for row in rows]
    assert sum(one == row["label"] for one, row in zip(said, rows, strict=True)) >= 2
    assert set(said) <= set(after["labels"])
    config = json.loads((out / "onnx" / "int8" / "config.json").read_text())
    assert config["id2label"]["0"] == "access"
    card = (out / "README.md").read_text()
    for part in (
        'pipeline_tag: "text-classification"',
        "| macro_f1 |",
        "f1 of `fines` (6 rows)",
        "90 of 90 predictions",
    ):
        assert part in card


def test_entities_are_found_and_exported_again(encoder: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "run", tmp_path / "again"
    made = train(encoder, out, "entities", "--technique", "lora", "--epochs", "8", "--seed", "1", "--keep", "best")
    before, after = made["evaluation"]["before"], made["evaluation"]["after"]
    assert after["entity_f1"] > 0.7 > 0.1 > before["entity_f1"]
    assert after["token_accuracy"] > after["majority_accuracy"] + 0.1
    assert set(after["entities"]) == {"BRANCH", "DAY", "ITEM", "ROOM"}
    assert made["training"]["kept"] == "best"
    tags = dict(line.split() for line in card_says(out, "Is the star map on loan until Friday ?").splitlines())
    assert tags == {"Is": "O", "the": "O", "star": "B-ITEM", "map": "I-ITEM", "on": "O", "loan": "O", "until": "O",
                    "Friday": "B-DAY", "?": "O"}  # fmt: skip
    adapter = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert (adapter["task_type"], adapter["base_model_name_or_path"]) == ("TOKEN_CLS", "encoder")
    tunegate("export", str(out), "--precision", "int8", "-o", str(again))
    exported = json.loads((again / "manifest.json").read_text())
    (one,) = exported["onnx"]
    assert one["precision"] == "int8"
    assert one["quality"]["reference_f1"] == after["entity_f1"]
    assert exported["evaluation"] == made["evaluation"]


def hashes(out: Path) -> dict[str, str]:
    """Of what was trained, and of the model that is exported."""
    files = [path for name in ("adapter", ".work/merged") for path in (out / name).rglob("*") if path.is_file()]
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def steps(out: Path) -> list[tuple[int, float]]:
    lines = (out / "progress.jsonl").read_text().splitlines() if (out / "progress.jsonl").exists() else []
    said = [json.loads(line) for line in lines if line.endswith("}")]
    return [(one["step"], one["loss"]) for one in said if one["event"] == "step"]


@pytest.mark.usefixtures("one_thread")
def test_killed_it_goes_on_to_the_same_bytes(make_plan: MakePlan, tmp_path: Path) -> None:
    settings = Hyperparameters(
        base_learning_rate=1e-2, learning_rate=1e-2, batch_size=4, micro_batch=2, n_epochs=8, save_steps=5,
        adapter=Adapter(r=4, alpha=8, dropout=0.1), seed=3,
    )  # fmt: skip
    plan, whole, killed = make_plan("token-classification", hyperparameters=settings), tmp_path / "a", tmp_path / "b"
    tune_here(plan, whole)
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
    killed.mkdir()
    command = [sys.executable, "-m", "trainers.worker", "tune", str(tmp_path / "plan.json"), str(killed)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not any(step >= 9 for step, _ in steps(killed)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    tune_here(plan, killed)
    assert "resumed at step" in (killed / "progress.jsonl").read_text()
    assert steps(killed) == steps(whole)
    assert len(steps(whole)) == 24
    assert hashes(killed) == hashes(whole)
