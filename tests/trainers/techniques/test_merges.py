"""Every technique, trained in this process on a tiny model: what is saved and merged computes what was trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trainers.contract import Adapter, TrainPlan
from trainers.labelling import label_rows
from trainers.load import load_rows, load_tokenizer
from trainers.merge_proof import require_same_answers
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.techniques import TECHNIQUES, technique
from trainers.training.loop import fit

Fit = Callable[..., Any]
SMALL = {"r": 4, "alpha": 8}


@pytest.fixture
def trained(make_plan: Any, tmp_path: Path) -> Fit:
    """Trains by a technique; returns plan, rows, run folder, the trained model and the run's figures."""

    def train(name: str, *, peft: dict[str, Any] | None = None, model: Path | None = None, **adapter: Any) -> Any:
        plan = msgspec.json.decode(make_plan(technique=name).read_bytes(), type=TrainPlan)
        values = msgspec.structs.replace(
            plan.hyperparameters, adapter=Adapter(**(SMALL | adapter)), peft=peft, learning_rate=5e-3
        )
        plan = msgspec.structs.replace(plan, hyperparameters=values, model=str(model or plan.model))
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        tokenizer = load_tokenizer(plan)
        rows = label_rows(tokenizer, load_rows(plan.dataset)).samples
        how = technique(name)
        figures = fit(plan, out, lambda: how.load(plan), tokenizer, rows, ProgressWriter(out), lambda: False)
        return plan, rows, out, figures

    return train


def logits(model: Any, rows: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.tensor([rows[0].input_ids])).logits


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("lora", {}),
    ("lora", {"rslora": True}),
    ("lora", {"init": "pissa"}),
    ("lora", {"init": "olora"}),
    ("lora", {"init": "pissa", "rslora": True}),
    ("lora", {"loraplus_ratio": 4.0}),
    ("lora", {"targets": ["o_proj"], "dropout": 0.1}),
    ("dora", {}),
    ("qlora", {}),
    ("qlora", {"rslora": True}),
    ("qdora", {}),
    ("full", {}),
]


@pytest.mark.parametrize(("name", "adapter"), VARIANTS)
def test_the_merged_model_computes_what_was_trained(trained: Fit, name: str, adapter: dict[str, Any]) -> None:
    plan, rows, out, figures = trained(name, **adapter)
    assert figures["last_loss"] < figures["first_loss"]
    merged = TECHNIQUES[name].merged(plan, out)
    assert merged is not None
    assert require_same_answers(merged, out, exact=True) <= 1e-5
    assert {str(one.dtype) for one in merged.parameters()} == {"torch.float32"}
    assert merged.config.use_cache is True
    assert (logits(merged, rows) - logits(TECHNIQUES["lora"].load(plan), rows)).abs().max() > 1e-3
    if name != "full":
        clean(out / "adapter", plan)


def clean(folder: Path, plan: TrainPlan) -> None:
    """No pickle, no path of this machine, names in order."""
    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    text = (folder / "adapter_config.json").read_text()
    assert str(Path(plan.model).parent) not in text
    config = json.loads(text)
    assert config["base_model_name_or_path"] == Path(plan.model).name
    assert text == json.dumps(config, indent=2, sort_keys=True) + "\n"
    if isinstance(config.get("target_modules"), list):
        assert config["target_modules"] == sorted(config["target_modules"])


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_an_adapter_started_from_the_base_ships_as_a_plain_lora_beside_it(trained: Fit, start: str) -> None:
    plan, rows, out, _ = trained("lora", init=start)
    config = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert config["init_lora_weights"] is True
    assert (config["r"], config["lora_alpha"]) == (2 * SMALL["r"], 2 * SMALL["alpha"])
    tuned = TECHNIQUES["lora"].tuned(plan, out)
    assert require_same_answers(tuned, out, exact=True) <= 1e-5
    with tuned.disable_adapter():
        assert (logits(tuned, rows) - logits(TECHNIQUES["lora"].load(plan), rows)).abs().max() == 0


def test_saving_twice_writes_the_same_and_leaves_the_model_as_it_was(make_plan: Any, tmp_path: Path) -> None:
    plan = msgspec.json.decode(make_plan().read_bytes(), type=TrainPlan)
    values = msgspec.structs.replace(plan.hyperparameters, adapter=Adapter(r=4, alpha=8, init="pissa", rslora=True))
    plan = msgspec.structs.replace(plan, hyperparameters=values)
    how = TECHNIQUES["lora"]
    model = how.wrap(how.load(plan), plan, steps=4)
    for name in ("one", "two"):
        how.save(model, None, plan, tmp_path / name)
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        one, two = ((tmp_path / name / "adapter" / file).read_bytes() for name in ("one", "two"))
        assert one == two
    assert model.peft_config["default"].r == 4
    assert list(model.peft_config) == ["default"]
    assert any(one.requires_grad for one in model.parameters())


MERGEABLE: list[dict[str, Any]] = [
    {"peft_type": "IA3"},
    {"peft_type": "OFT", "oft_block_size": 16, "target_modules": ["o_proj", "down_proj"]},
    {"peft_type": "VERA", "r": 16, "target_modules": ["o_proj"]},
    {"peft_type": "LOHA", "r": 4},
    {"peft_type": "ADALORA", "init_r": 8, "target_r": 4, "tinit": 1, "tfinal": 1, "deltaT": 1},
    {"peft_type": "LORA", "r": 4, "init_lora_weights": "pissa"},
]


@pytest.mark.parametrize("peft", MERGEABLE, ids=lambda peft: peft["peft_type"])
def test_any_mergeable_peft_method_merges_exactly(trained: Fit, peft: dict[str, Any]) -> None:
    plan, _rows, out, figures = trained("peft", peft=peft)
    assert 0 < figures["trainable_params"] < figures["total_params"]
    merged = TECHNIQUES["peft"].merged(plan, out)
    assert require_same_answers(merged, out, exact=True) <= 1e-5
    clean(out / "adapter", plan)


def test_adalora_moves_ranks(trained: Fit) -> None:
    _, _, out, _ = trained("peft", peft=MERGEABLE[4])
    kept = json.loads((out / "adapter" / "adapter_config.json").read_text())["rank_pattern"]
    ranks = [sum(flags) for flags in kept.values()]
    assert sum(ranks) == 4 * len(ranks)
    assert len(set(ranks)) > 1


@pytest.mark.parametrize(
    "peft",
    [
        {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4},
        {"peft_type": "P_TUNING", "num_virtual_tokens": 4, "encoder_hidden_size": 16},
        {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 4},
    ],
    ids=lambda peft: peft["peft_type"],
)
def test_the_prompt_family_keeps_its_adapter_and_has_no_merge(trained: Fit, peft: dict[str, Any]) -> None:
    plan, _rows, out, figures = trained("peft", peft=peft)
    assert figures["trainable_params"] > 0
    assert TECHNIQUES["peft"].merged(plan, out) is None
    assert require_same_answers(TECHNIQUES["peft"].tuned(plan, out), out, exact=True) <= 1e-5
    clean(out / "adapter", plan)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("lora", {"targets": ["no_such_proj"]}, "no_such_proj"),
        ("peft", {"peft": {"peft_type": "LROA"}}, "LROA"),
        ("peft", {"peft": {"peft_type": "LOHA", "rnak": 4}}, "rnak"),
        ("peft", {"peft": {"peft_type": "LORA", "init_lora_weights": "loftq"}}, "LoftQ"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_a_named_refusal(
    trained: Fit, name: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(TrainerError) as raised:
        trained(name, **settings)
    assert raised.value.failure.code == "target_cannot"
    assert said in raised.value.failure.detail


def test_a_merge_that_changes_the_model_is_refused(trained: Fit) -> None:
    plan, _rows, out, _ = trained("qlora")
    other = TECHNIQUES["lora"].merged(plan, out)  # into the original base: not what was trained
    with pytest.raises(TrainerError) as raised:
        require_same_answers(other, out, exact=True)
    assert raised.value.failure.code == "parity_failed"


@pytest.mark.parametrize("family", ["Llama", "Qwen2"])
@pytest.mark.parametrize("name", ["lora", "qlora"])
def test_other_architectures_merge_exactly(
    trained: Fit, tokenizer: Any, tmp_path: Path, family: str, name: str
) -> None:
    import torch
    import transformers

    torch.manual_seed(1)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    folder = tmp_path / family
    getattr(transformers, f"{family}ForCausalLM")(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    plan, _rows, out, figures = trained(name, model=folder)
    assert figures["last_loss"] < figures["first_loss"]
    assert require_same_answers(TECHNIQUES[name].merged(plan, out), out, exact=True) <= 1e-5
