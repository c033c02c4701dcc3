"""What a caller may say about an estimate; null means our trainer's default, which comes back as an assumption."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.estimate.cost_inputs import TrainingInputs, UsageInputs, check_cost_inputs
from service.estimate.notation import QUANTISED
from service.estimate.reading import read_struct

TECHNIQUES = ("full", "lora", "qlora", "dora", "qdora", "prompt")
# what "all techniques" means; prompt tuning is estimated when asked for by name
DEFAULT_TECHNIQUES = ("full", "lora", "qlora", "dora", "qdora")
# the ZeRO stage under which no process holds the whole model
_WHOLE_STAGE = 3
WHOLE_4_BIT = "transformers loads a 4-bit base whole onto one device."
_NO_FORMULA = {
    "peft": "other PEFT methods keep activations that no formula here covers; --simulate runs them",
    "provider-managed": "the provider's own hardware is not ours to size",
}


class AdapterInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`targets` is "all-linear" or module names; `virtual_tokens` is for prompt tuning."""

    r: int | None = None
    targets: list[str] | str | None = None
    dropout: float | None = None
    dtype: Literal["fp32", "bf16", "fp16"] | None = None
    virtual_tokens: int | None = None


class ZeroInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """DeepSpeed ZeRO."""

    stage: int | None = None
    offload_optimizer: bool | None = None
    offload_params: bool | None = None


class EstimateInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/estimates` and of `--inputs FILE`."""

    model: str | dict[str, Any]
    techniques: list[str] = []
    base_dtype: Literal["bf16", "fp16", "fp32"] | None = None
    double_quant: bool | None = None
    kbit_prepare: bool | None = None
    autocast: Literal["bf16", "fp16", "none"] | None = None
    adapter: AdapterInputs = msgspec.field(default_factory=AdapterInputs)
    micro_batch: int | None = None
    seq_len: int | None = None
    padded: bool | None = None
    grad_accum: int | None = None
    checkpointing: bool | None = None
    attention: Literal["sdpa", "eager", "flash"] | None = None
    optimizer: Literal["adamw", "adamw_fused", "adamw_8bit", "adamw_paged_8bit", "adafactor", "sgd"] | None = None
    loss: Literal["hf", "chunked", "fused"] | None = None
    keep_logits: bool | None = None
    zero: ZeroInputs = msgspec.field(default_factory=ZeroInputs)
    gpus: int | None = None
    gpu: str | list[str] | None = None
    dataset_id: str | None = None
    tier: Literal["formula", "simulated", "measured"] = "formula"
    # the PeftConfig of technique "peft", with its peft_type; simulated and measured tier only
    peft: dict[str, Any] | None = None
    # for time and money: how much is trained, and the requests of a month
    training: TrainingInputs = msgspec.field(default_factory=TrainingInputs)
    usage: UsageInputs = msgspec.field(default_factory=UsageInputs)
    # rows one after the other in as few sequences as hold them, none longer than `seq_len` (a plan's `packing`)
    packing: bool | None = None


# (lowest, highest) inclusive
_RANGES: dict[str, tuple[int, int]] = {
    "micro_batch": (1, 65_536),
    "seq_len": (1, 10_000_000),
    "grad_accum": (1, 1_000_000),
    "gpus": (1, 65_536),
    "adapter.r": (1, 65_536),
    "adapter.virtual_tokens": (1, 100_000),
    "zero.stage": (0, 3),
}


def read_inputs(raw: object) -> EstimateInputs:
    """The inputs of decoded JSON: known fields of the right kind; `check_inputs` judges the values.

    Raises:
        TuneGateError: `invalid_input` with every field that is unknown, missing or of the wrong kind, and with what is
            wrong with the values of the others.

    """
    with suppress(msgspec.ValidationError):
        return msgspec.convert(raw, EstimateInputs)
    errors: list[ErrorItem] = []
    inputs = read_struct(raw, EstimateInputs, errors)
    if not isinstance(inputs, EstimateInputs):
        raise invalid([*errors, *_check_readable(raw, errors)])
    return inputs


def _check_readable(raw: object, errors: list[ErrorItem]) -> list[ErrorItem]:
    """What is wrong with the values of the top-level fields that could be read."""
    if not isinstance(raw, dict):
        return []
    unread = {error.where.partition(".")[0] for error in errors}
    known = {name for name in EstimateInputs.__struct_fields__ if name not in unread}
    readable = {"model": ""} | {name: value for name, value in raw.items() if name in known}
    # what a technique may have depends on the tier, and a PeftConfig on both
    judged_with = {"techniques": {"tier"}, "peft": {"tier", "techniques"}, "packing": {"techniques", "zero"}}
    return [
        error
        for error in check_inputs(msgspec.convert(readable, EstimateInputs))
        if not judged_with.get(error.where, set()) & unread
    ]


def require_types(inputs: EstimateInputs) -> None:
    """The same for inputs that were built in code, whose types nothing has checked yet."""
    read_inputs(msgspec.to_builtins(inputs))


def invalid(errors: list[ErrorItem]) -> TuneGateError:
    """One problem with all its items."""
    return TuneGateError("invalid_input", f"The estimate inputs have {len(errors)} unusable value(s).", errors=errors)


def check_inputs(inputs: EstimateInputs) -> list[ErrorItem]:
    """Everything wrong that needs neither the model nor the hardware."""
    errors = [error for name in inputs.techniques for error in _check_technique(name, inputs)]
    errors += [error for path, bounds in _RANGES.items() for error in _check_range(inputs, path, bounds)]
    if inputs.adapter.dropout is not None and not 0 <= inputs.adapter.dropout < 1:
        errors.append(ErrorItem("adapter.dropout", str(inputs.adapter.dropout), "0 to below 1"))
    targets = inputs.adapter.targets
    if isinstance(targets, str) and targets != "all-linear":
        errors.append(ErrorItem("adapter.targets", targets, '"all-linear" or a list of module names'))
    if isinstance(targets, list) and not targets:
        errors.append(ErrorItem("adapter.targets", "[]", "at least one module name"))
    if inputs.peft is not None and ("peft" not in inputs.techniques or inputs.tier == "formula"):
        why = "Other techniques and the formulas have no use for it."
        allowed = "technique peft with tier simulated or measured (--simulate, --measure)"
        errors.append(ErrorItem("peft", "given", allowed, why))
    if "peft" in inputs.techniques and inputs.tier != "formula" and not (inputs.peft or {}).get("peft_type"):
        errors.append(ErrorItem("peft", "nothing", 'a PeftConfig as an object, such as {"peft_type": "IA3"}'))
    errors += _check_combinations(inputs) + _check_offload(inputs.zero)
    return errors + check_cost_inputs(inputs.training, inputs.usage)


def default_techniques(inputs: EstimateInputs) -> list[str]:
    """What "all techniques" means for these inputs: those that our plans would not refuse."""
    return [name for name in DEFAULT_TECHNIQUES if inputs.zero.stage != _WHOLE_STAGE or name not in QUANTISED]


def _check_combinations(inputs: EstimateInputs) -> list[ErrorItem]:
    """What our trainer's plans refuse too (service/launch/parallel.py, combinations.py)."""
    errors, techniques = [], dict.fromkeys(inputs.techniques)
    whole = inputs.zero.stage == _WHOLE_STAGE
    errors += [
        ErrorItem("zero.stage", f"3 with {name}", "0 to 2", WHOLE_4_BIT)
        for name in techniques
        if whole and name in QUANTISED
    ]
    if inputs.packing and whole:
        why = "Packing is tried on the whole model first, which no process holds under ZeRO-3."
        errors.append(ErrorItem("packing", "true with stage 3", "false, or stage 0 to 2", why))
    if inputs.packing and "prompt" in techniques:
        why = "Virtual tokens stand before a sequence, not before each row in it."
        errors.append(ErrorItem("packing", "true with prompt", "false", why))
    return errors


def _check_technique(name: str, inputs: EstimateInputs) -> list[ErrorItem]:
    if name in TECHNIQUES or (name == "peft" and inputs.tier != "formula"):
        return []
    reason = f"No formula for {name}: {_NO_FORMULA[name]}." if name in _NO_FORMULA else suggestion(name, TECHNIQUES)
    return [ErrorItem("techniques", name, ", ".join(TECHNIQUES), reason or None)]


def _check_range(inputs: EstimateInputs, path: str, bounds: tuple[int, int]) -> list[ErrorItem]:
    value: Any = inputs
    for name in path.split("."):
        value = getattr(value, name)
    if value is None or bounds[0] <= value <= bounds[1]:
        return []
    return [ErrorItem(path, str(value), f"{bounds[0]} to {bounds[1]}")]


def _check_offload(zero: ZeroInputs) -> list[ErrorItem]:
    stage, errors = zero.stage or 0, []
    if zero.offload_optimizer and stage < 1:
        errors.append(ErrorItem("zero.offload_optimizer", f"true with stage {stage}", "stage 1 to 3"))
    if zero.offload_params and stage != 3:
        errors.append(ErrorItem("zero.offload_params", f"true with stage {stage}", "stage 3"))
    return errors
