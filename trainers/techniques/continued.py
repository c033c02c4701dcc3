"""An adapter of an earlier run, put into its base again so that it can be trained on."""

from __future__ import annotations

from typing import Any

from trainers.contract import TrainPlan
from trainers.problems import TrainerError
from trainers.starting import start_folder
from trainers.techniques.adapter_folder import WEIGHTS


def continued(model: Any, plan: TrainPlan) -> Any:
    """The frozen base with the earlier adapter in it, trainable; dropout is the new plan's.

    Raises:
        TrainerError: `target_cannot` when peft cannot train a loaded adapter of this method, `plan_mismatch` when the
            saved values are not those that this adapter has.
    """
    from peft import PeftConfig, PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    folder = start_folder(plan)
    config = PeftConfig.from_pretrained(str(folder))
    shape = plan.hyperparameters.adapter
    if shape is not None:
        dora = plan.technique in {"dora", "qdora"}
        if (config.r, config.use_rslora, config.use_dora) != (shape.r, shape.rslora, dora):
            raise TrainerError(
                "plan_mismatch",
                f"The earlier adapter has rank {config.r}{', DoRA' if config.use_dora else ''}"
                f"{', rsLoRA' if config.use_rslora else ''}: another shape than the plan's.",
                remedy="Plan again: --from takes the shape over.",
            )
        config.lora_dropout = shape.dropout
    try:
        wrapped = PeftModel.from_pretrained(model, str(folder), is_trainable=True, config=config)
    except (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError) as error:
        raise TrainerError(
            "target_cannot",
            f"The earlier adapter cannot be trained on: {' '.join(str(error).split())[:400]}",
            remedy="Train a new adapter, without --from.",
        ) from error
    with safe_open(folder / WEIGHTS, framework="pt") as saved:
        different = set(saved.keys()) ^ set(get_peft_model_state_dict(wrapped))
    if different:  # peft only warns of values that it did not find
        raise TrainerError(
            "plan_mismatch",
            f"{len(different)} value(s) of the earlier adapter have no place in this model, or lack one.",
            remedy="Train a new adapter, without --from.",
        )
    return wrapped
