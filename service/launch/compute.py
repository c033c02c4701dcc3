"""How the arithmetic is done: what was asked for, else what the device does well; and what it cannot do."""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import ErrorItem
from service.launch.machine import Machine
from trainers.contract import Attention, Autocast, BaseType, Choice, Compute, Optimizer

# flash attention and bf16 arithmetic begin with Ampere (CUDA C++ programming guide, compute capabilities)
AMPERE = 8.0
_WHERE = "compute"


class ComputeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wanted values; null = what the device does well."""

    base_dtype: BaseType | None = None
    autocast: Autocast | None = None
    attention: Attention | None = None
    checkpointing: bool | None = None
    optimizer: Optimizer | None = None
    liger: bool | None = None


def resolve_compute(wanted: ComputeRequest, *, technique: str, machine: Machine) -> tuple[Compute, list[Choice]]:
    """Every value, and why each was chosen that nobody gave and that is not the plain one."""
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    preferred, why = _preferred(technique, machine)
    chosen = {name: value for name, value in preferred.items() if name not in given}
    made = [Choice(f"{_WHERE}.{name}", value, why) for name, value in chosen.items()]
    return Compute(**chosen | given), made


def _preferred(technique: str, machine: Machine) -> tuple[dict[str, Any], str]:
    if machine.is_cpu:
        return {}, ""
    half = "bf16" if machine.capability >= AMPERE else "fp16"
    # what is trained stays in fp32: in 16 bits small updates are lost
    base = {} if technique == "full" else {"base_dtype": half}
    values = base | {"autocast": half, "attention": "sdpa", "checkpointing": True}
    return values, f"for a GPU of compute capability {machine.capability:g}"


def compute_refusals(
    wanted: ComputeRequest, *, technique: str, sharding: str, loraplus: bool, machine: Machine
) -> list[ErrorItem]:
    """Everything that this device or this technique cannot do."""
    values, _ = resolve_compute(wanted, technique=technique, machine=machine)
    found = _of_device(values, machine)
    if technique == "full" and values.base_dtype != "fp32":
        why = "Full fine-tuning trains these weights, and in 16 bits small updates are lost; autocast halves the work."
        found.append(_item("base_dtype", f"{values.base_dtype} with technique full", "fp32", why))
    if values.optimizer != "adamw" and sharding != "none":
        why = "DeepSpeed shards the optimizer's state itself."
        found.append(_item("optimizer", f"{values.optimizer} with {sharding}", "adamw, or sharding none", why))
    if values.optimizer != "adamw" and loraplus:
        why = "LoRA+ brings its own AdamW."
        found.append(_item("optimizer", f"{values.optimizer} with LoRA+", "adamw", why))
    return found


def _of_device(values: Compute, machine: Machine) -> list[ErrorItem]:
    found = []
    if machine.is_cpu:
        on_gpu_only = {"attention": ("flash", "eager, sdpa"), "optimizer": ("adamw_paged_8bit", "adamw, adamw_8bit"),
                       "autocast": ("fp16", "none, bf16"), "base_dtype": ("fp16", "fp32, bf16"),
                       "liger": (True, "false")}  # fmt: skip
        found = [
            _item(name, f"{_text(value)} on a CPU", allowed, "It needs a GPU.")
            for name, (value, allowed) in on_gpu_only.items()
            if getattr(values, name) == value
        ]
    elif machine.capability < AMPERE:
        low = f"on a GPU of compute capability {machine.capability:g}"
        for name, allowed in (("autocast", "fp16, none"), ("base_dtype", "fp16, fp32")):
            if getattr(values, name) == "bf16":
                found.append(_item(name, f"bf16 {low}", allowed, f"bf16 begins with {AMPERE:g}."))
        if values.attention == "flash":
            found.append(_item("attention", f"flash {low}", "sdpa, eager", f"It begins with {AMPERE:g}."))
    if values.attention == "flash" and values.exact and not machine.is_cpu:
        why = "Its kernels take 16-bit values only."
        found.append(_item("attention", "flash with fp32", "flash with autocast bf16 or fp16, sdpa", why))
    return found


def _item(name: str, seen: str, allowed: str, why: str) -> ErrorItem:
    return ErrorItem(f"{_WHERE}.{name}", seen, allowed, why)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
