"""OUT/adapter: what ships of an adapter, without what must not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.outfiles import complete_folder

ADAPTER = "adapter"
WEIGHTS = "adapter_model.safetensors"
# starts that take their directions out of the base's weights: such an adapter belongs to the changed base
_CHANGES_BASE = ("pissa", "olora")
_START = "adapter_start"


def changes_base(model: Any) -> bool:
    """Whether the adapter's start was taken out of the base's weights."""
    start = getattr(model.peft_config["default"], "init_lora_weights", True)
    return str(start).lower().startswith(_CHANGES_BASE)


def remember_start(model: Any) -> None:
    """Keep the untrained values of such an adapter on the model: the difference to them is what was learnt."""
    from peft import get_peft_model_state_dict

    if changes_base(model):
        values = get_peft_model_state_dict(model)
        setattr(model, _START, {name: value.detach().cpu().clone() for name, value in values.items()})


def save_adapter(model: Any, plan: TrainPlan, out: Path, weights: dict[str, Any] | None) -> None:
    """Config and weights alone: no local path, no pickle, every list of names in a fixed order.

    An adapter that began with directions of the base (PiSSA, OLoRA) is written as the plain LoRA of twice the rank
    that does the same beside the untouched base; so whoever loads it needs no decomposition.
    """
    with complete_folder(out / ADAPTER) as folder:
        model.save_pretrained(folder, safe_serialization=True, state_dict=weights)
        (folder / "README.md").unlink(missing_ok=True)
        config_file = folder / "adapter_config.json"
        config = _in_order(json.loads(config_file.read_text()))
        config["base_model_name_or_path"] = Path(plan.model).name
        if changes_base(model):
            config |= _as_plain_lora(folder / WEIGHTS, getattr(model, _START), config)
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _as_plain_lora(file: Path, start: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Rewrite the weights: B A - B0 A0 = [B, -B0] [A; A0]; returns the config's fields that change with it."""
    import torch
    from safetensors.torch import load_file, save_file

    values = load_file(file)
    for name, value in values.items():
        if ".lora_A." in name:
            values[name] = torch.cat([value, start[name].to(value.dtype)], dim=0)
        elif ".lora_B." in name:
            values[name] = torch.cat([value, -start[name].to(value.dtype)], dim=1)
    save_file(values, file, metadata={"format": "pt"})
    # the scale alpha / r (rsLoRA: alpha / sqrt(r)) stays what it was
    growth = 2**0.5 if config["use_rslora"] else 2
    return {
        "init_lora_weights": True,
        "r": 2 * config["r"],
        "lora_alpha": growth * config["lora_alpha"],
        "rank_pattern": {name: 2 * rank for name, rank in config["rank_pattern"].items()},
        "alpha_pattern": {name: growth * alpha for name, alpha in config["alpha_pattern"].items()},
    }


def _in_order(config: dict[str, Any]) -> dict[str, Any]:
    """Names sorted: peft keeps them in sets, whose order (and so the file's hash) changes between runs."""
    return {
        name: sorted(value) if name.endswith("_modules") and isinstance(value, list) else value
        for name, value in config.items()
    }
