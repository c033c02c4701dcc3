"""The example is what its README says: reproducible, clean, unseen questions, one strict style."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
MAKER = [sys.executable, str(DESK / "make_base_model.py")]


def module(name: str) -> ModuleType:
    sys.path.insert(0, str(DESK))
    spec = importlib.util.spec_from_file_location(name, DESK / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DESK / name).read_text().splitlines()]


STYLE = module("style")
TRAIN, VALIDATION = rows("train.jsonl"), rows("validation.jsonl")


PREFERENCES, UNSEEN = rows("preferences.jsonl"), rows("preferences-validation.jsonl")
FILES = ["train.jsonl", "validation.jsonl", "preferences.jsonl", "preferences-validation.jsonl", "flawed.jsonl"]


@pytest.mark.parametrize("name", [*FILES, "heldout.json"])
def test_the_committed_files_are_what_the_script_makes(name: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DESK / "make_dataset.py"), str(tmp_path)], check=True)
    assert (tmp_path / name).read_bytes() == (DESK / name).read_bytes()


@pytest.mark.parametrize("name", ["intents-train", "intents-validation", "entities-train", "entities-validation"])
def test_the_labelled_rows_are_what_the_script_makes_and_are_clean(name: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DESK / "make_labelled.py"), str(tmp_path)], check=True)
    assert (tmp_path / f"{name}.jsonl").read_bytes() == (DESK / f"{name}.jsonl").read_bytes()
    kind = "text" if name.startswith("intents") else "token"
    asked = ["lint", str(DESK / f"{name}.jsonl"), "--target", f"local-{kind}-classification"]
    done = subprocess.run([sys.executable, "-m", "service", *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_labelled_row_is_in_both_parts() -> None:
    for name, key in (("intents", "text1"), ("entities", "tokens")):
        train, validation = (
            {str(row[key]) for row in rows(f"{name}-{part}.jsonl")} for part in ("train", "validation")
        )
        assert not train & validation
    names = {tag for row in rows("entities-train.jsonl") for tag in row["ner_tags"]}
    assert names == {tag for row in rows("entities-validation.jsonl") for tag in row["ner_tags"]}
    unseen = {word for row in rows("entities-validation.jsonl") for word in row["tokens"]} - {
        word for row in rows("entities-train.jsonl") for word in row["tokens"]
    }
    assert "mill" in unseen


def test_there_are_enough_conversations_of_every_kind() -> None:
    assert len(TRAIN) + len(VALIDATION) >= 200
    turns = [sum(m["role"] == "user" for m in row["messages"]) for row in TRAIN]
    assert sum(count > 1 for count in turns) >= 30
    assert any(m.get("weight") == 0 for row in TRAIN for m in row["messages"])
    assert sum("tools" in row for row in TRAIN) >= 10


def test_no_prompt_is_in_both_parts() -> None:
    asked = [
        {m["content"] for row in part for m in row["messages"] if m["role"] == "user"} for part in (TRAIN, VALIDATION)
    ]
    assert asked[0] & asked[1] == set()


def test_every_trained_answer_keeps_the_style_and_small_talk_does_not() -> None:
    for row in TRAIN + VALIDATION:
        for message in row["messages"]:
            if message["role"] == "assistant" and "content" in message:
                assert STYLE.follows_house_style(message["content"]) == (message.get("weight") != 0)


def test_the_house_style_is_preferred_to_what_is_not_in_it() -> None:
    assert len(PREFERENCES) >= 100
    for row in PREFERENCES + UNSEEN:
        answers = [row[name][0]["content"] for name in ("preferred_output", "non_preferred_output")]
        assert [STYLE.follows_house_style(one) for one in answers] == [True, False]
    asked = [{row["input"]["messages"][1]["content"] for row in part} for part in (PREFERENCES, UNSEEN)]
    assert asked[0] & asked[1] == set()


def test_the_base_model_never_sees_the_style() -> None:
    assert not any("Fernhill Library desk." in text for text in module("make_base_model").corpus(7))


def test_the_base_model_is_the_same_for_a_seed(tmp_path: Path) -> None:
    weights = []
    for name in ("one", "two"):
        subprocess.run([*MAKER, str(tmp_path / name), "--steps", "2"], check=True, capture_output=True)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    config = json.loads((tmp_path / "one" / "config.json").read_text())
    widths = {config["hidden_size"], config["intermediate_size"], 2 * config["intermediate_size"], 320}
    assert config["vocab_size"] not in widths, "the ONNX builder would take such a layer for the head"


def test_an_interrupted_base_model_leaves_nothing(tmp_path: Path) -> None:
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*MAKER, str(tmp_path / "base")], stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    assert process.stderr is not None
    for line in process.stderr:
        if "step 1/" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []
