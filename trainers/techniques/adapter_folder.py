"""OUT/adapter: what ships of an adapter, without what must not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.outfiles import WORK, complete_folder

ADAPTER = "adapter"
_INITIAL = "initial-adapter"
# starts that take their directions out of the base's weights: such an adapter belongs to the changed base
_CHANGES_BASE = ("pissa", "olora")


def changes_base(model: Any) -> bool:
    """Whether the adapter's start was taken out of the base's weights."""
    start = getattr(model.peft_config["default"], "init_lora_weights", True)
    return str(start).lower().startswith(_CHANGES_BASE)


def keep_initial(model: Any, out: Path) -> None:
    """Keep an untrained adapter whose start was taken out of the base: the difference to it is what was learnt."""
    if not changes_base(model):
        return
    with complete_folder(out / WORK / _INITIAL) as folder:
        model.save_pretrained(folder, safe_serialization=True)


def save_adapter(model: Any, plan: TrainPlan, out: Path) -> None:
    """Config and weights alone: no local path, no pickle, every list of names in a fixed order.

    An adapter that began with directions of the base (PiSSA, OLoRA) is written as the plain LoRA of twice the rank
    that does the same beside the untouched base; so whoever loads it needs no decomposition.
    """
    options = {}
    if changes_base(model):
        options = {"path_initial_model_for_weight_conversion": str(out / WORK / _INITIAL)}
    with complete_folder(out / ADAPTER) as folder:
        model.save_pretrained(folder, safe_serialization=True, **options)
        (folder / "README.md").unlink(missing_ok=True)
        config_file = folder / "adapter_config.json"
        config = _in_order(json.loads(config_file.read_text()))
        config["base_model_name_or_path"] = Path(plan.model).name
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _in_order(config: dict[str, Any]) -> dict[str, Any]:
    """Names sorted: peft keeps them in sets, whose order (and so the file's hash) changes between runs."""
    return {
        name: sorted(value) if name.endswith("_modules") and isinstance(value, list) else value
        for name, value in config.items()
    }
