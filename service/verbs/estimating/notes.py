"""What an estimate says of the inputs themselves, whichever tier answers: lengths, and settings without effect."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.estimate.defaults import given_settings
from service.estimate.hardware import Hardware
from service.estimate.inputs import DEFAULT_TECHNIQUES, WHOLE_4_BIT, EstimateInputs, default_techniques
from service.estimate.notation import LOW_RANK, QUANTISED
from service.records.estimate import NOT_IN_ID, Estimate
from service.records.identity import record_id

_ADAPTERS = (*LOW_RANK, "prompt")
# setting -> the techniques that have a use for it
_USED_BY: dict[str, Sequence[str]] = {
    "double_quant": tuple(QUANTISED),
    "kbit_prepare": tuple(QUANTISED),
    "adapter.r": tuple(LOW_RANK),
    "adapter.targets": tuple(LOW_RANK),
    "adapter.dropout": tuple(LOW_RANK),
    "adapter.dtype": _ADAPTERS,
    "adapter.virtual_tokens": ("prompt",),
}


def noted(
    made: Sequence[Estimate], inputs: EstimateInputs, devices: Sequence[Hardware], **length: int | None
) -> list[Estimate]:
    """The estimates with these notes after their own; `devices` are the named ones, `length` as `_of_length` has it."""
    common = [*_of_length(**length, inputs=inputs), *_of_devices(inputs, devices), *_of_techniques(inputs)]
    return [_with(one, [*_unused(one.technique, inputs), *common]) for one in made]


def _with(one: Estimate, notes: list[str]) -> Estimate:
    if not notes:
        return one
    assumptions = one.assumptions | {"notes": [*one.assumptions["notes"], *notes]}
    changed = msgspec.structs.replace(one, assumptions=assumptions, id="")
    return msgspec.structs.replace(changed, id=record_id(changed, without=NOT_IN_ID))


def _of_length(*, inputs: EstimateInputs, longest: int | None = None, context: int | None = None) -> list[str]:
    """`longest` is of the rows of the data, `context` what the model's config says it knows, both in tokens."""
    if context is None:
        return []
    if inputs.seq_len is not None and inputs.seq_len > context:
        above = f"seq_len {inputs.seq_len:,} is above the model's context of {context:,} tokens"
        return [f"{above}: these positions it has not learned, and our own plan refuses such a length."]
    if inputs.seq_len is None and longest is not None and longest > context:
        return [f"The longest row is cut to the model's context of {context:,} tokens."]
    return []


def _of_devices(inputs: EstimateInputs, devices: Sequence[Hardware]) -> list[str]:
    asked = [f"{name} bf16" for name in ("base_dtype", "autocast") if getattr(inputs, name) == "bf16"]
    without = [device.id for device in devices if not device.bf16 and not device.is_cpu]
    if not asked or not without:
        return []
    why = "no bf16 arithmetic, which begins with capability 8.0"
    return [f"{', '.join(without)}: {why}; {' and '.join(asked)} is judged by its memory alone."]


def _of_techniques(inputs: EstimateInputs) -> list[str]:
    left = [name for name in DEFAULT_TECHNIQUES if name not in default_techniques(inputs)]
    return [] if inputs.techniques or not left else [f"Left out under ZeRO-3: {', '.join(left)}. {WHOLE_4_BIT}"]


def _unused(technique: str, inputs: EstimateInputs) -> list[str]:
    given = given_settings(inputs)
    names = [name for name, users in _USED_BY.items() if given.get(name) is not None and technique not in users]
    if not names or technique == "peft":
        return []
    return [f"Not used by {technique}: {', '.join(names)}."]
