"""The PEFT methods that a plan may name, as rules/peft-methods.toml (generated from the installed peft) lists them."""

from __future__ import annotations

from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, suggestion
from service.launch.machine import Machine
from trainers.contract import PEFT_TASKS, Task

WHERE = "hyperparameters.peft"
_FIRST = ("LORA", "ADALORA", "IA3", "OFT", "VERA", "LOHA", "LOKR", "PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING")
# starts of a LoRA that look at data or gradients before the first step
_NEEDS_DATA = ("corda", "eva", "lora_ga")
DEFAULT_VIRTUAL_TOKENS = 20


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One method: whether its adapter folds into the base's weights, and why it cannot be trained here, if so."""

    config: str
    merges: bool
    fields: list[str]
    cannot: str | None = None


class _File(msgspec.Struct, frozen=True):
    version: str
    method: dict[str, Method]


def methods(rules: RuleFiles) -> dict[str, Method]:
    """Every method by its peft_type, the well-known ones first."""
    found = msgspec.toml.decode(rules.read("peft-methods.toml"), type=_File).method
    return {name: found[name] for name in (*_FIRST, *sorted(found)) if name in found}


def method_of(peft: dict[str, Any] | None, rules: RuleFiles) -> Method | None:
    """The method that the object names, or None."""
    return methods(rules).get(str((peft or {}).get("peft_type")))


def check_peft(peft: dict[str, Any], *, rules: RuleFiles, machine: Machine, task: Task = "chat") -> list[ErrorItem]:
    """Everything that is wrong with a PeftConfig given as an object."""
    known = methods(rules)
    name = str(peft.get("peft_type", "none"))
    method = known.get(name)
    trainable = [one for one in known if not known[one].cannot]
    if method is None:
        near = suggestion(name.upper(), known)
        return [ErrorItem(f"{WHERE}.peft_type", name[:60], ", ".join(trainable), near or None)]
    if method.cannot:
        return [ErrorItem(f"{WHERE}.peft_type", name, ", ".join(trainable), f"Not trained here: {method.cannot}.")]
    errors = [
        ErrorItem(
            f"{WHERE}.{field[:60]}", "unknown", ", ".join(method.fields), suggestion(field, method.fields) or None
        )
        for field in peft
        if field not in {"peft_type", "task_type", *method.fields}
    ]
    if peft.get("task_type", PEFT_TASKS[task]) != PEFT_TASKS[task]:
        errors.append(ErrorItem(f"{WHERE}.task_type", str(peft["task_type"])[:60], PEFT_TASKS[task]))
    if name == "ADALORA" and "total_step" in peft:
        errors.append(
            ErrorItem(f"{WHERE}.total_step", str(peft["total_step"]), "left out", "The trainer counts the steps.")
        )
    return errors + (_check_lora(peft, machine) if name == "LORA" else [])


def _check_lora(peft: dict[str, Any], machine: Machine) -> list[ErrorItem]:
    where = f"{WHERE}.init_lora_weights"
    start = str(peft.get("init_lora_weights", True)).lower()
    others = "true, gaussian, pissa, olora, orthogonal"
    errors = []
    if start in _NEEDS_DATA:
        what = f"{start} looks at the data before it starts, which this trainer does not do"
        errors.append(ErrorItem(where, start, others, f"{what.capitalize()}."))
    if start == "loftq" and machine.is_cpu:
        errors.append(ErrorItem(where, start, others, "LoftQ quantises on a GPU, and this machine has none."))
    if start.startswith(("pissa", "olora")) and peft.get("use_dora"):
        errors.append(ErrorItem(where, f"{start} with use_dora", others, "Technique lora with init pissa, or dora."))
    return errors
