"""How the arithmetic is done: what was asked for, else what the device does well; and what it cannot do."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import msgspec

from service.errors import ErrorItem
from service.launch.machine import Machine
from trainers.contract import KEPT_IN_CACHE, Attention, Autocast, BaseType, Choice, Compute, Optimizer

# flash attention and bf16 arithmetic begin with Ampere (CUDA C++ programming guide, compute capabilities)
AMPERE = 8.0
_LIBRARIES = {"attention": ("flash", "flash_attn", "flash-attn"), "liger": (True, "liger_kernel", "liger-kernel")}
_WHERE = "compute"


class ComputeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wanted values; null = what the device does well."""

    base_dtype: BaseType | None = None
    autocast: Autocast | None = None
    attention: Attention | None = None
    checkpointing: bool | None = None
    optimizer: Optimizer | None = None
    liger: bool | None = None


def resolve_compute(
    wanted: ComputeRequest, *, technique: str, machine: Machine, peft_type: str | None = None
) -> tuple[Compute, list[Choice]]:
    """Every value, and why each was chosen that nobody gave and that is not the plain one."""
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    preferred, why = _preferred(technique, machine, peft_type)
    if wanted.autocast is not None and "base_dtype" in preferred:
        preferred["base_dtype"] = "fp32" if wanted.autocast == "none" else wanted.autocast
    chosen = {name: value for name, value in preferred.items() if name not in given}
    made = [Choice(f"{_WHERE}.{name}", value, why) for name, value in chosen.items()]
    return Compute(**chosen | given), made


def _preferred(technique: str, machine: Machine, peft_type: str | None) -> tuple[dict[str, Any], str]:
    if machine.is_cpu:
        return {}, ""
    half = "bf16" if machine.capability >= AMPERE else "fp16"
    # what is trained stays in fp32: in 16 bits small updates are lost
    base = {} if technique == "full" else {"base_dtype": half}
    values = base | {"autocast": half, "attention": "sdpa", "checkpointing": peft_type not in KEPT_IN_CACHE}
    return values, f"for a GPU of compute capability {machine.capability:g}"


def compute_refusals(
    wanted: ComputeRequest,
    *,
    technique: str,
    sharding: str,
    machine: Machine,
    loraplus: bool = False,
    peft_type: str | None = None,
) -> list[ErrorItem]:
    """Everything that this device or this technique cannot do."""
    values, _ = resolve_compute(wanted, technique=technique, machine=machine, peft_type=peft_type)
    found = _of_device(values, machine)
    if technique == "full" and values.base_dtype != "fp32":
        why = "Full fine-tuning trains these weights, and in 16 bits small updates are lost; autocast halves the work."
        found.append(_item("base_dtype", f"{values.base_dtype} with technique full", "fp32", why))
    elif values.base_dtype not in ("fp32", values.autocast):
        seen, why = f"{values.base_dtype} with autocast {values.autocast}", "What is trained is fp32, and must meet it."
        found.append(_item("base_dtype", seen, f"fp32, or autocast {values.base_dtype}", why))
    if values.checkpointing and peft_type in KEPT_IN_CACHE:
        why = "It learns values of the cache, which layers that are computed again do not see."
        found.append(_item("checkpointing", f"true with {peft_type}", "false", why))
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
    refused = {item.where for item in found}
    for name, (value, module, package) in _LIBRARIES.items():
        if getattr(values, name) == value and f"{_WHERE}.{name}" not in refused and find_spec(module) is None:
            allowed = "sdpa, eager" if name == "attention" else "false"
            found.append(_item(name, f"{_text(value)} without {package}", allowed, f"pip install {package}"))
    return found


def _item(name: str, seen: str, allowed: str, why: str) -> ErrorItem:
    return ErrorItem(f"{_WHERE}.{name}", seen, allowed, why)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
