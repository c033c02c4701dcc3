"""What an earlier run left is trained on: the same function to begin with, other values after it, merged as exactly."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from in_process import tune_here

from service.launch.continuing import Left, shape_left
from trainers.contract import Adapter, StartsFrom, TrainPlan
from trainers.problems import TrainerError
from trainers.starting import start_problems
from trainers.techniques import technique

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("lora", {"adapter": Adapter(r=4, alpha=8, targets=["qkv_proj", "down_proj"])}),
    "pissa": ("lora", {"adapter": Adapter(r=4, alpha=8, init="pissa", rslora=True)}),
    "olora": ("lora", {"adapter": Adapter(r=4, alpha=8, init="olora")}),
    "dora": ("dora", {"adapter": Adapter(r=4, alpha=8)}),
    "qdora": ("qdora", {"adapter": Adapter(r=4, alpha=8)}),
    "ia3": ("peft", {"adapter": None, "peft": {"peft_type": "IA3"}}),
    "vera": ("peft", {"adapter": None, "peft": {"peft_type": "VERA", "r": 8}}),
    "oft": ("peft", {"adapter": None, "peft": {"peft_type": "OFT"}}),
    "loha": ("peft", {"adapter": None, "peft": {"peft_type": "LOHA", "r": 4}}),
}


def planned(path: Path, name: str) -> TrainPlan:
    plan = msgspec.json.decode(path.read_bytes(), type=TrainPlan)
    kind, values = METHODS[name]
    changed = msgspec.structs.replace(plan.hyperparameters, **values)
    return msgspec.structs.replace(plan, technique=kind, hyperparameters=changed)


def logits(model: Any) -> Any:
    import torch

    ids = torch.arange(3, 40)[None]
    with torch.inference_mode():
        return model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]


def learn(model: Any, steps: int = 4) -> None:
    import torch

    torch.manual_seed(0)
    values = [one for one in model.parameters() if one.requires_grad]
    assert values
    optimizer = torch.optim.AdamW(values, lr=1e-2)
    ids = torch.arange(3, 40)[None]
    for _ in range(steps):
        model.train()(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def manifest(run: Path) -> None:
    """What the service writes over a finished run, as far as the trainer reads it."""
    files = [
        {"path": path.relative_to(run).as_posix(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(run.rglob("*"))
        if path.is_file()
    ]
    (run / "manifest.json").write_text(json.dumps({"id": "m" * 64, "files": files}))


def goes_on(plan: TrainPlan, run: Path) -> TrainPlan:
    start = StartsFrom(manifest="m" * 64, kind="adapter", base_model="tiny", path=str(run))
    values = plan.hyperparameters
    if values.adapter is not None:
        config = json.loads((run / "adapter" / "adapter_config.json").read_text())
        left = Left(
            plan=plan, manifest="m" * 64, kind="adapter", path=str(run), model=plan.model, base_model="tiny",
            adapter_config=config,
        )  # fmt: skip
        values = msgspec.structs.replace(values, adapter=shape_left(left))
    return msgspec.structs.replace(plan, starts_from=start, hyperparameters=values)


def left_run(plan: TrainPlan, run: Path, tokenizer: Any) -> Any:
    """A finished run's folder, and the logits of what was trained."""
    how = technique(plan.technique)
    model = how.wrap(how.load(plan), plan, steps=4)
    learn(model)
    how.save(model, tokenizer, plan, run)
    manifest(run)
    return logits(model)


@pytest.mark.parametrize("name", METHODS)
def test_it_begins_as_the_earlier_run_ended_and_learns_on(
    name: str, make_plan: Any, tokenizer: Any, tmp_path: Path
) -> None:
    import torch

    plan = planned(make_plan(), name)
    ended = left_run(plan, tmp_path / "first", tokenizer)
    following = goes_on(plan, tmp_path / "first")
    assert start_problems(following) == []
    how = technique(plan.technique)
    untuned = logits(how.load(plan))
    begun = logits(how.begun(how.load(following), following))
    torch.testing.assert_close(begun, ended, atol=2e-4, rtol=1e-4)
    assert (begun - untuned).abs().max() > 1e-2

    model = how.wrap(how.load(following), following, steps=4)
    frozen = {one for one, value in model.named_parameters() if not value.requires_grad}
    assert frozen
    learn(model)
    trained = logits(model)
    assert (trained - ended).abs().max() > 1e-2
    how.save(model, tokenizer, following, tmp_path / "second")
    merged = how.merged(following, tmp_path / "second")
    assert merged is not None
    torch.testing.assert_close(logits(merged), trained, atol=2e-4, rtol=1e-4)
    if name == "pissa":
        kept = json.loads((tmp_path / "second" / "adapter" / "adapter_config.json").read_text())
        assert (kept["r"], kept["init_lora_weights"]) == (8, True)  # doubled once, not again


def test_a_start_that_is_not_the_planned_one_is_refused(make_plan: Any, tokenizer: Any, tmp_path: Path) -> None:
    plan, run = planned(make_plan(), "lora"), tmp_path / "first"
    left_run(plan, run, tokenizer)
    following = goes_on(plan, run)
    start = following.starts_from
    assert start is not None

    def problems(**changes: Any) -> str:
        given = {name: changes.pop(name) for name in ("technique",) if name in changes}
        changed = msgspec.structs.replace(start, **changes)
        return "; ".join(start_problems(msgspec.structs.replace(following, starts_from=changed, **given)))

    assert problems() == ""
    assert "no finished run" in problems(path=str(tmp_path / "nothing"))
    assert f"the plan has {'n' * 12}" in problems(manifest="n" * 64)
    adalora = msgspec.structs.replace(following.hyperparameters, peft={"peft_type": "ADALORA"})
    assert "begins anew" in start_problems(msgspec.structs.replace(following, hyperparameters=adalora))[0]
    assert "'full' does not go on" in problems(technique="full")
    assert "no weights in model/" in problems(technique="full", kind="model")
    weights = run / "adapter" / "adapter_model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + b"\1")
    assert "adapter/adapter_model.safetensors is gone or changed" in problems()
    weights.unlink()
    assert "is gone or changed" in problems()


def test_values_without_a_place_in_the_model_are_no_silent_loss(make_plan: Any, tokenizer: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    plan, run = planned(make_plan(), "lora"), tmp_path / "first"
    left_run(plan, run, tokenizer)
    weights = run / "adapter" / "adapter_model.safetensors"
    values = load_file(weights)
    values.pop(min(values))
    save_file(values, weights, metadata={"format": "pt"})
    manifest(run)
    how, following = technique("lora"), goes_on(plan, run)
    other = msgspec.structs.replace(
        following, hyperparameters=msgspec.structs.replace(following.hyperparameters, adapter=Adapter(r=8, alpha=16))
    )
    with pytest.raises(TrainerError, match="has rank 4: another shape"):
        how.wrap(how.load(other), other, steps=1)
    with pytest.raises(TrainerError, match="1 value"), pytest.warns(UserWarning, match="missing adapter keys"):
        how.wrap(how.load(following), following, steps=1)


def tune_until_killed(plan: Path, out: Path, step: int) -> None:
    """Baseline and training by the real worker; killed hard once it has said that step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trainers.worker", "tune", str(plan), str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while f'"step":{step},' not in progress(out):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == -9, printed


def progress(out: Path) -> str:
    return (out / "progress.jsonl").read_text() if (out / "progress.jsonl").exists() else ""


@pytest.mark.usefixtures("one_thread")
def test_killed_hard_it_goes_on_to_the_same_bytes(make_plan: Any, tokenizer: Any, tmp_path: Path) -> None:
    path = make_plan()
    plan, run = planned(path, "pissa"), tmp_path / "first"
    left_run(plan, run, tokenizer)
    following = goes_on(plan, run)
    assert following.hyperparameters.adapter is not None
    values = msgspec.structs.replace(
        following.hyperparameters,
        adapter=msgspec.structs.replace(following.hyperparameters.adapter, dropout=0.1),
        n_epochs=6,
        save_steps=5,
    )
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(following, hyperparameters=values)))
    whole, out = tmp_path / "whole", tmp_path / "out"
    for place in (whole, out):
        place.mkdir()
    tune_here(path, whole)
    tune_until_killed(path, out, 8)
    tune_here(path, out)
    assert "resumed at step 5" in progress(out)
    assert "merged: logits differ by" in progress(out)
    weights = Path("adapter", "adapter_model.safetensors")
    assert (out / weights).read_bytes() == (whole / weights).read_bytes()
    assert (out / weights).read_bytes() != (run / weights).read_bytes()
    measured = Path(".work", "part-baseline.json")
    assert json.loads((out / measured).read_text())["validation_loss"]
    assert (out / measured).read_bytes() == (whole / measured).read_bytes()
