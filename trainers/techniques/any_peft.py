"""Any other method of peft: its PeftConfig stands in the plan as JSON (`hyperparameters.peft`)."""

from __future__ import annotations

from typing import Any

from trainers.contract import TrainPlan
from trainers.load import on_gpu
from trainers.problems import TrainerError
from trainers.techniques.adalora import rank_allocator
from trainers.techniques.adapter import AdapterTechnique

_LOFTQ = "loftq"
_NOT_RESUMED = {"ADALORA", "P_TUNING", "PREFIX_TUNING"}


class AnyPeft(AdapterTechnique):
    """IA3, OFT, VeRA, AdaLoRA, LoHa ..., and the prompt family, which has no merge."""

    def config(self, plan: TrainPlan, model: Any, *, steps: int) -> Any:
        """The named PeftConfig; `target_modules` left out = peft's own for the architecture, else every linear layer.

        Raises:
            TrainerError: `target_cannot` for a method or field that the installed peft does not have.
        """
        return complete_config(plan.hyperparameters.peft or {}, model, steps=steps)

    def resumes(self, plan: TrainPlan) -> bool:
        """Peft saves AdaLoRA already pruned, and of prompt encoders only what they give out."""
        return (plan.hyperparameters.peft or {}).get("peft_type") not in _NOT_RESUMED

    def callbacks(self, model: Any, plan: TrainPlan) -> list[Any]:
        """AdaLoRA's: without it no rank is ever moved."""
        if (plan.hyperparameters.peft or {}).get("peft_type") != "ADALORA":
            return []
        return [rank_allocator(model)]


def complete_config(wanted: dict[str, Any], model: Any, *, steps: int) -> Any:
    """The PeftConfig that an object with `peft_type` names, with what only the trainer knows filled in.

    Raises:
        TrainerError: `target_cannot`. TypeError: for an unknown field.
    """
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    values = {"task_type": "CAUSAL_LM"} | wanted
    method = str(values.pop("peft_type", None))
    kind = PEFT_TYPE_TO_CONFIG_MAPPING.get(method)
    if kind is None:
        raise TrainerError("target_cannot", f"The installed peft has no method {method!r}.", remedy="Plan again.")
    if method == "LORA" and str(values.get("init_lora_weights")).lower() == _LOFTQ:
        _require_gpu()
    if method == "ADALORA":
        values["total_step"] = steps
    if "target_modules" in kind.__dataclass_fields__ and not values.get("target_modules"):
        values |= _default_targets(method, model)
    return kind(**values)


def _default_targets(method: str, model: Any) -> dict[str, Any]:
    """Nothing where peft knows the architecture: it then chooses, together with what belongs to it."""
    from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING

    if model.config.model_type in (getattr(PEFT_TYPE_TO_TUNER_MAPPING[method], "target_module_mapping", None) or {}):
        return {}
    if method == "IA3":
        return _ia3_targets(model)
    return {"target_modules": "all-linear"}


def _ia3_targets(model: Any) -> dict[str, Any]:
    """Keys, values and the inner activations of the feed-forward part, as the method has it (arXiv 2205.05638)."""
    names = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    inner = sorted(names & {"down_proj", "w2", "fc2"})
    return {
        "target_modules": sorted(names & {"qkv_proj", "k_proj", "v_proj"}) + inner,
        "feedforward_modules": inner,
    }


def _require_gpu() -> None:
    if not on_gpu():
        raise TrainerError(
            "target_cannot", "LoftQ quantises on a GPU, and there is none.", remedy='init_lora_weights = "pissa".'
        )
