"""LoRA: trainable low-rank matrices beside frozen linear layers; merges exactly (<= 5e-6 on logits) into fp32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainers.contract import Adapter, TrainPlan
from trainers.outfiles import complete_folder


def wrap(model: Any, plan: TrainPlan) -> Any:
    """The model with adapters on every linear layer but the head (or on the named modules)."""
    from peft import LoraConfig, get_peft_model

    shape = plan.hyperparameters.adapter or Adapter()
    config = LoraConfig(
        r=shape.r,
        lora_alpha=shape.alpha,
        lora_dropout=shape.dropout,
        target_modules=shape.targets if shape.targets == "all-linear" else list(shape.targets),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def save(model: Any, tokenizer: Any, plan: TrainPlan, out: Path, weights: dict[str, Any] | None) -> None:
    """OUT/adapter without what must not ship: no local path, no pickle, module names in a fixed order."""
    del tokenizer
    with complete_folder(out / "adapter") as folder:
        model.save_pretrained(folder, safe_serialization=True, state_dict=weights)
        (folder / "README.md").unlink(missing_ok=True)
        config_file = folder / "adapter_config.json"
        config = json.loads(config_file.read_text())
        config["base_model_name_or_path"] = Path(plan.model).name
        # peft keeps module names in a set: its order, and so the file's hash, would change between runs
        if isinstance(config.get("target_modules"), list):
            config["target_modules"] = sorted(config["target_modules"])
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def merged(base: Any, out: Path) -> Any:
    """The fp32 base with the saved adapter folded into its weights: a plain model."""
    from peft import PeftModel

    return PeftModel.from_pretrained(base, str(out / "adapter")).merge_and_unload()
