"""Any other method of peft: its PeftConfig stands in the plan as JSON (`hyperparameters.peft`)."""

from __future__ import annotations

from typing import Any

from trainers.classification.model import body_linears
from trainers.contract import PEFT_TASKS, TrainPlan
from trainers.load import on_gpu
from trainers.problems import TrainerError
from trainers.techniques.adalora import rank_allocator
from trainers.techniques.adapter import AdapterTechnique
from trainers.techniques.targets import ALL_LINEAR, kept_whole

_LOFTQ = "loftq"
# as the encoders name them
_KEYS_AND_VALUES = (
    ".key", ".value", ".k_lin", ".v_lin", ".key_proj", ".value_proj", ".attn.Wqkv", ".attn.k", ".attn.v", ".in_proj",
)  # fmt: skip
_SECOND_OF_MLP = (".output.dense", ".ffn.lin2", ".mlp.Wo", ".ffn_output")
_NOT_RESUMED = {"ADALORA", "P_TUNING", "PREFIX_TUNING"}


class AnyPeft(AdapterTechnique):
    """IA3, OFT, VeRA, AdaLoRA, LoHa ..., and the prompt family, which has no merge."""

    def config(self, plan: TrainPlan, model: Any, *, steps: int) -> Any:
        """The named PeftConfig; `target_modules` left out = peft's own for the architecture, else every linear layer.

        Raises:
            TrainerError: `target_cannot` for a method or field that the installed peft does not have.
        """
        wanted = {"task_type": PEFT_TASKS[plan.task]} | (plan.hyperparameters.peft or {})
        if plan.task != "chat":
            wanted |= _for_a_classifier(plan, wanted, model)
        return complete_config(wanted, model, steps=steps)

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
    return {"target_modules": ALL_LINEAR}


def _for_a_classifier(plan: TrainPlan, wanted: dict[str, Any], model: Any) -> dict[str, Any]:
    """The modules that carry the adapter, and the head, which is trained whole."""
    from peft import PromptLearningConfig
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    if issubclass(PEFT_TYPE_TO_CONFIG_MAPPING.get(str(wanted.get("peft_type")), object), PromptLearningConfig):
        raise TrainerError(
            "target_cannot", "Virtual tokens have no merge, and are not tried with a classifier.", remedy="Use IA3."
        )
    whole = {*kept_whole(plan, model)["modules_to_save"], *(wanted.get("modules_to_save") or [])}
    return {"modules_to_save": sorted(whole), **_of_an_encoder(wanted, model)}


def _of_an_encoder(wanted: dict[str, Any], model: Any) -> dict[str, Any]:
    """The encoder's linear layers where nothing or "all-linear" was named; IA3 has its own choice of them."""
    targets = wanted.get("target_modules")
    if targets and targets != ALL_LINEAR:
        return {}
    linears = body_linears(model)
    if wanted.get("peft_type") != "IA3" or targets:
        return {"target_modules": linears}
    inner = [name for name in linears if name.endswith(_SECOND_OF_MLP) and "attention" not in name]
    return {
        "target_modules": [name for name in linears if name.endswith(_KEYS_AND_VALUES)] + inner,
        "feedforward_modules": inner,
    }


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
