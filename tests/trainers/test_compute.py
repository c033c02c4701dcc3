"""Other ways to do the arithmetic, trained in this process: they learn the same, and merge to what was trained.

The kernels that only a GPU has (flash attention, Liger, paged optimizers, fp16) are not among them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trainers.contract import Adapter, Compute, TrainPlan
from trainers.labelling import label_rows
from trainers.load import load_base, load_rows, load_tokenizer
from trainers.merge_proof import require_same_answers
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.techniques import technique
from trainers.training.arguments import training_arguments
from trainers.training.loop import fit

Train = Callable[..., tuple[TrainPlan, Path, list[float]]]


@pytest.fixture
def train(make_plan: Any, tmp_path: Path) -> Train:
    """Trains by a technique with the given arithmetic; returns plan, run folder and the losses."""

    def run(name: str, **compute: Any) -> tuple[TrainPlan, Path, list[float]]:
        plan = msgspec.json.decode(make_plan(technique=name).read_bytes(), type=TrainPlan)
        values = msgspec.structs.replace(
            plan.hyperparameters, adapter=Adapter(r=4, alpha=8, dropout=0.1), learning_rate=5e-3
        )
        plan = msgspec.structs.replace(plan, hyperparameters=values, compute=Compute(**compute))
        out = tmp_path / f"{name}-{'-'.join(map(str, compute.values()))}"
        out.mkdir()
        tokenizer = load_tokenizer(plan)
        rows = label_rows(tokenizer, load_rows(plan.dataset)).samples
        how = technique(name)
        fit(plan, out, lambda: how.load(plan), tokenizer, rows, ProgressWriter(out), lambda: False)
        records = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
        return plan, out, [record["loss"] for record in records if record["event"] == "step"]

    return run


@pytest.mark.parametrize("name", ["full", "lora", "qlora"])
def test_activations_computed_again_are_the_same(train: Train, name: str) -> None:
    _, _, plain = train(name)
    plan, out, again = train(name, checkpointing=True)
    assert again == pytest.approx(plain, rel=1e-6)
    assert training_arguments(plan, out, rows=8).activation_checkpointing


def test_sdpa_computes_what_eager_attention_does(train: Train) -> None:
    _, _, eager = train("lora")
    plan, out, sdpa = train("lora", attention="sdpa")
    assert load_base(plan).config._attn_implementation == "sdpa"
    assert sdpa == pytest.approx(eager, rel=1e-5)
    assert require_same_answers(technique("lora").merged(plan, out), out, exact=True) is not None


def test_an_architecture_without_sdpa_is_eager(make_plan: Any, tokenizer: Any, tmp_path: Path) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    folder = tmp_path / "gemma2"
    Gemma2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    wanted = make_plan(model=str(folder), compute=Compute(attention="sdpa"))
    loaded = load_base(msgspec.json.decode(wanted.read_bytes(), type=TrainPlan))
    assert loaded.config._attn_implementation == "eager"


def test_a_base_in_bf16_carries_an_adapter_in_fp32(train: Train) -> None:
    import torch
    from safetensors.torch import load_file

    _, _, exact = train("lora")
    plan, out, losses = train("lora", base_dtype="bf16", autocast="bf16")
    assert losses != exact
    assert losses == pytest.approx(exact, rel=2e-2)
    weights = load_file(out / "adapter" / "adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}
    merged = technique("lora").merged(plan, out)
    assert {value.dtype for value in merged.parameters()} == {torch.float32}
    tuned = technique("lora").tuned(plan, out)
    difference = require_same_answers(merged, out, exact=False, unmerged=lambda: tuned)
    assert difference is not None
    assert difference > 1e-5  # 16 bits were really used


def test_a_merge_that_loses_the_adapter_is_found_behind_16_bits(train: Train) -> None:
    plan, out, _ = train("lora", base_dtype="bf16", autocast="bf16")
    how = technique("lora")
    base = how.unquantised(plan)
    with pytest.raises(TrainerError, match="merged model differs"):
        require_same_answers(base, out, exact=False, unmerged=lambda: how.tuned(plan, out))


def test_a_trained_copy_of_a_16_bit_weight_is_fp32(make_plan: Any) -> None:
    import torch

    path = make_plan(technique="peft", compute=Compute(base_dtype="bf16", autocast="bf16"))
    plan = msgspec.json.decode(path.read_bytes(), type=TrainPlan)
    peft = {"peft_type": "LORA", "r": 4, "target_modules": ["o_proj"], "modules_to_save": ["lm_head"]}
    plan = msgspec.structs.replace(plan, hyperparameters=msgspec.structs.replace(plan.hyperparameters, peft=peft))
    model = technique("peft").wrap(technique("peft").load(plan), plan, steps=1)
    kinds = {name: one.dtype for name, one in model.named_parameters()}
    assert torch.bfloat16 in kinds.values()
    assert {one.dtype for one in model.parameters() if one.requires_grad} == {torch.float32}


def test_a_plan_for_a_gpu_is_not_carried_out_without_one(make_plan: Any, run_trainer: Any, tmp_path: Path) -> None:
    code, _, result = run_trainer(make_plan(compute=Compute(base_dtype="fp16", autocast="fp16")), tmp_path / "out")
    assert code == 2
    assert "sees no GPU" in result["error"]["detail"]


def test_an_8_bit_optimizer_learns_too(train: Train) -> None:
    _, _, exact = train("full")
    _, _, losses = train("full", optimizer="adamw_8bit")
    assert losses != exact
    assert losses[-1] < losses[0]
    assert losses == pytest.approx(exact, rel=0.1)
