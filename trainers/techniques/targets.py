"""Which modules of a model carry an adapter, and which are trained whole beside it."""

from __future__ import annotations

from typing import Any

from trainers.classification.model import body_linears, head_modules
from trainers.contract import TrainPlan

ALL_LINEAR = "all-linear"
# what PEFT trains whole by itself where the task is a classification
_BY_ITSELF = ("classifier", "score")


def targets_of(plan: TrainPlan, model: Any, targets: Any) -> dict[str, Any]:
    """`target_modules` of a PeftConfig, and for a classifier `modules_to_save`: its head travels with the adapter.

    "all-linear" is peft's own for a chat model, the encoder's linear layers without the head for a classifier.
    """
    wanted = targets if isinstance(targets, str) else list(targets)
    if plan.task == "chat":
        return {"target_modules": wanted}
    return {"target_modules": body_linears(model) if wanted == ALL_LINEAR else wanted, **kept_whole(plan, model)}


def kept_whole(plan: TrainPlan, model: Any) -> dict[str, Any]:
    """`modules_to_save`; nothing for a chat model."""
    if plan.task == "chat":
        return {}
    return {"modules_to_save": [name for name in head_modules(model) if name not in _BY_ITSELF]}


def put_heads_in_place(model: Any) -> None:
    """Unpack what was trained whole: most methods' merge takes every such part for a single layer and stops."""
    from peft.utils import ModulesToSaveWrapper

    wrapped = [(name, one) for name, one in model.named_modules() if isinstance(one, ModulesToSaveWrapper)]
    for name, wrapper in wrapped:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, wrapper.modules_to_save["default"])
