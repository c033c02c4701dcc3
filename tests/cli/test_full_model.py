"""A full fine-tuning hands over its PyTorch model: listed, opened by the card's code, exported again from it alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run


@pytest.fixture(scope="module")
def full(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that was asked for no ONNX."""
    out: Path = tmp_path_factory.mktemp("full") / "run"
    base = str(tiny.place / "base")
    assert tiny.train(out, "--model", base, "--technique", "full", "--epochs", "2", "--keep", "best") == 0
    return out


def test_the_model_is_part_of_the_artifact(full: Path, tiny: Any) -> None:
    manifest = json.loads((full / "manifest.json").read_text())
    kinds = {one["path"]: one["kind"] for one in manifest["files"]}
    shipped = {path for path, kind in kinds.items() if kind == "model"}
    assert shipped == {f"model/{path.name}" for path in (full / "model").iterdir()}
    assert {"model/model.safetensors", "model/config.json", "model/tokenizer.json"} <= shipped
    assert not [path for path in shipped if path.endswith((".bin", ".pt"))]
    assert manifest["onnx"] == []
    config = json.loads((full / "model" / "config.json").read_text())
    assert config["use_cache"] is True
    assert not [
        path for path in full.rglob("*.json") if path.parent.name == "model" and str(tiny.place) in path.read_text()
    ]
    before, after = (manifest["evaluation"][when]["validation_loss"] for when in ("before", "after"))
    assert after < before
    assert not (full / ".work").exists()


def test_the_card_s_code_answers_with_the_tuned_model(full: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (full / "README.md").read_text(), re.DOTALL)
    tokens = "\nprint(answer, float(sum(one.detach().abs().sum() for one in model.parameters())))"
    done = subprocess.run([sys.executable, "-c", code + tokens], cwd=full, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(full / "model") for kind in (AutoModelForCausalLM, AutoTokenizer))
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    answer = model.generate(torch.tensor([ids]), max_new_tokens=64, do_sample=False)[0, len(ids) :].tolist()
    total = float(sum(one.detach().abs().sum() for one in model.parameters()))
    assert done.stdout.splitlines()[-1] == f"{answer} {total}"


def test_it_is_exported_again_without_the_base_model(full: Path, tiny: Any, tmp_path: Path) -> None:
    base, hidden, out = tiny.place / "base", tiny.place / "hidden", tmp_path / "again"
    base.rename(hidden)
    try:
        assert run(["export", str(full), "--precision", "int8", "-o", str(out)]) == 0
    finally:
        hidden.rename(base)
    source, made = (json.loads((place / "manifest.json").read_text()) for place in (full, out))
    assert made["made_from"] == source["id"]
    assert [one["precision"] for one in made["onnx"]] == ["int8"]
    assert made["evaluation"] == source["evaluation"]
    # the same files, and their space is taken once
    weights = Path("model", "model.safetensors")
    assert (full / weights).stat().st_ino == (out / weights).stat().st_ino
    assert (full / "model" / "config.json").stat().st_ino != (out / "model" / "config.json").stat().st_ino
    listed = {one["path"]: one["sha256"] for one in made["files"] if one["kind"] == "model"}
    assert listed == {one["path"]: one["sha256"] for one in source["files"] if one["kind"] == "model"}
    shutil.rmtree(out)
    assert run(["export", str(full), "-o", str(out), "--model", str(hidden)]) == 2  # what is named must be there


def test_it_is_trained_on_as_the_base_of_another_run(
    full: Path, tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = json.loads((full / "manifest.json").read_text())
    for arguments, said in (
        (["--technique", "lora"], "cannot be trained on by another technique"),
        (["--model", str(tiny.make_base(tmp_path / "other", seed=1))], "leave --model out"),
    ):
        assert run(["plan", *tiny.options("more.jsonl"), "--from", str(full), *arguments]) == 2
        assert said in capsys.readouterr().err
    out = tmp_path / "second"
    assert tiny.train(out, "--from", str(full), "--epochs", "1", data="more.jsonl") == 0
    made, plan = (json.loads((out / f"{name}.json").read_text()) for name in ("manifest", "plan"))
    assert made["chain"]["starts_from"] == earlier["id"]
    assert plan["starts_from"]["kind"] == "model"
    assert made["base_model"]["name"] == "base"
    assert made["base_model"]["fingerprint"] not in (None, earlier["base_model"]["fingerprint"])
    before, left = made["evaluation"]["before"], earlier["evaluation"]["after"]
    assert before["validation_loss"] == pytest.approx(left["validation_loss"], abs=1e-6)
    assert (out / "model" / "model.safetensors").read_bytes() != (full / "model" / "model.safetensors").read_bytes()
    assert 'base_model: "base"' in (out / "README.md").read_text()
