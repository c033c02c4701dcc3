"""Fills what a caller left open with the settings of our own trainer, for one technique on one kind of device."""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import ErrorItem, suggestion
from service.estimate.hardware import Hardware
from service.estimate.inputs import EstimateInputs
from service.estimate.kernels import FLASH_CAPABILITY, attention_that_runs, choose_kernel
from service.estimate.notation import LOW_RANK, QUANTISED, Case, Run, is_target
from service.models.architecture import Architecture
from service.models.parameters import linears

DEFAULT_SEQ_LEN = 2048
_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_DEFAULT_VIRTUAL_TOKENS = 20
_FLASH_NEEDS = f"16-bit activations on a GPU of capability {FLASH_CAPABILITY} or more"


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The run, the complete inputs as values, and which of them were assumed."""

    run: Run
    inputs: dict[str, Any]
    assumed: dict[str, Any]


def resolve(inputs: EstimateInputs, technique: str, *, model: Architecture, device: Hardware, seq_len: int) -> Resolved:
    """Every setting of one run; `seq_len` is the default length (measured on the data where it was)."""
    values, assumed = settings_of(inputs, technique, device=device, seq_len=seq_len)
    return Resolved(run=_run(technique, values, model, device), inputs=nested(values), assumed=assumed)


def settings_of(
    inputs: EstimateInputs, technique: str, *, device: Hardware, seq_len: int, checkpointing: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(every setting by its dotted name, those of them that nobody gave); `checkpointing` is its default on a GPU."""
    given = given_settings(inputs)
    defaults = _defaults(technique, device, seq_len=seq_len, checkpointing=checkpointing)
    values = {name: default if given.get(name) is None else given[name] for name, default in defaults.items()}
    return values, {name: value for name, value in values.items() if given.get(name) is None and value is not None}


def given_settings(inputs: EstimateInputs) -> dict[str, Any]:
    """Every input by its dotted name, null where nobody gave it."""
    return _flat(msgspec.to_builtins(inputs))


def check_for_model(inputs: EstimateInputs, model: Architecture) -> list[ErrorItem]:
    """What is wrong with the inputs for this model: target names, positions."""
    errors = []
    names = [linear.name for linear in linears(model)]
    targets = inputs.adapter.targets
    for target in targets if isinstance(targets, list) else []:
        if not any(is_target(name, [target]) for name in names):
            near = suggestion(target, names) or None
            errors.append(ErrorItem("adapter.targets", target, ", ".join(names), near))
    if model.positions and inputs.seq_len is not None and inputs.seq_len > model.positions:
        errors.append(ErrorItem("seq_len", str(inputs.seq_len), f"1 to {model.positions} (learned positions)"))
    return errors


def check_for_device(case: Case, device: Hardware, *, attention: str) -> list[ErrorItem]:
    """Flash attention needs 16-bit activations on a GPU of capability 8.0 or more."""
    if cannot_run(device, attention=attention, half=case.e == 2) is None:
        return []
    seen = f"flash with {8 * case.e}-bit activations on {device.id}"
    return [ErrorItem("attention", seen, f"{_FLASH_NEEDS}, or sdpa, eager")]


def cannot_run(device: Hardware, *, attention: str, half: bool) -> str | None:
    """Why a device cannot run attention "flash", `half` = with 16-bit activations; None where it can."""
    if attention != "flash" or (half and not device.is_cpu and device.capability >= FLASH_CAPABILITY):
        return None
    return f"flash attention needs {_FLASH_NEEDS}"


def _defaults(technique: str, device: Hardware, *, seq_len: int, checkpointing: bool) -> dict[str, Any]:
    half = "bf16" if device.bf16 else "fp16"
    low_rank, quantised = technique in LOW_RANK, technique in QUANTISED
    adapter = low_rank or technique == "prompt"
    return {
        # what is trained stays in fp32, and autocast halves the work (service/launch/compute.py)
        "base_dtype": "fp32" if device.is_cpu or technique == "full" else half,
        "double_quant": True if quantised else None,
        "kbit_prepare": True if quantised else None,
        "autocast": "none" if device.is_cpu else half,
        "adapter.r": 16 if low_rank else None,
        "adapter.targets": "all-linear" if low_rank else None,
        "adapter.dropout": 0.0 if low_rank else None,
        "adapter.dtype": "fp32" if adapter else None,
        "adapter.virtual_tokens": _DEFAULT_VIRTUAL_TOKENS if technique == "prompt" else None,
        "micro_batch": 1,
        "seq_len": seq_len,
        "padded": True,
        "grad_accum": 1,
        "checkpointing": checkpointing and not device.is_cpu,
        # our trainer loads eager attention on the CPU, where its ONNX parity is proven against eager PyTorch
        "attention": "eager" if device.is_cpu else "sdpa",
        "optimizer": "adamw_fused",
        "loss": "hf",
        "keep_logits": False,
        "zero.stage": 0,
        "zero.offload_optimizer": False,
        "zero.offload_params": False,
        "gpus": 1,
        "packing": False,
    }


def _run(technique: str, values: dict[str, Any], model: Architecture, device: Hardware) -> Run:
    low_rank, quantised = technique in LOW_RANK, technique in QUANTISED
    targets = values["adapter.targets"]
    run = Run(
        technique=technique,
        micro_batch=values["micro_batch"],
        seq_len=values["seq_len"],
        weight_bytes=_BYTES[values["base_dtype"]],
        autocast=values["autocast"] != "none",
        kbit_fp32=quantised and bool(values["kbit_prepare"]),
        double_quant=not quantised or bool(values["double_quant"]),
        adapter_r=values["adapter.r"] or 1,
        adapter_targets=tuple(targets) if low_rank and isinstance(targets, list) else None,
        adapter_bytes=_BYTES[values["adapter.dtype"] or "fp32"],
        dropout=low_rank and bool(values["adapter.dropout"]),
        virtual_tokens=values["adapter.virtual_tokens"] if technique == "prompt" else 0,
        # packed rows are kept apart by a mask, as padding is (trainers/training/packing.py)
        padded=values["padded"] or values["packing"],
        packed=values["packing"],
        accumulates=values["grad_accum"] > 1,
        checkpointing=values["checkpointing"],
        cuda=not device.is_cpu,
        optimizer=values["optimizer"],
        loss=values["loss"],
        keep_logits=values["keep_logits"],
        zero_stage=values["zero.stage"],
        offload_optimizer=values["zero.offload_optimizer"],
        offload_params=values["zero.offload_params"],
        gpus=values["gpus"],
    )
    attention = attention_that_runs(values["attention"], caps_scores=model.family.softcaps)
    masks_windows = attention == "sdpa" and not run.padded
    if run.zero_stage:
        run = _under_deepspeed(run, values["autocast"])
    kernel, repeated = choose_kernel(
        attention,
        padded=run.padded,
        grouped=model.kv_heads < model.heads,
        half=Case(model, run).e == 2,
        capability=device.capability,
        cuda=run.cuda,
    )
    return msgspec.structs.replace(run, kernel=kernel, repeated_kv=repeated, masks_windows=masks_windows)


def _under_deepspeed(run: Run, half: str) -> Run:
    """DeepSpeed knows no autocast: it casts the whole model, but for adapters that ZeRO-3 finds beside sharded weights.

    Source: deepspeed 0.19.8 runtime/engine.py (_configure_distributed_model), zero/partition_parameters.py (Init).
    """
    if not run.autocast:
        return run
    return msgspec.structs.replace(
        run,
        weight_bytes=2,
        adapter_bytes=run.adapter_bytes if run.zero_stage == 3 else 2,
        autocast=False,
        kbit_fp32=False,
        zero_half=half,
        loaded_bytes=run.weight_bytes,
    )


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    nested = {name for name in ("adapter", "zero") if isinstance(values.get(name), dict)}
    flat = {name: value for name, value in values.items() if name not in nested}
    return flat | {f"{name}.{key}": value for name in nested for key, value in values[name].items()}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Settings by dotted names as the inputs have them."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        if dot:
            made.setdefault(head, {})[rest] = value
        else:
            made[name] = value
    return made
