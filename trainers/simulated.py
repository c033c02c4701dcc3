"""What a memory simulation is asked and what it answers: the part of the contract that `trainers.simulation` serves."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Number = Literal["fp32", "bf16", "fp16"]
Kernel = Literal["eager", "math", "efficient", "flash"]


class StepQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One training step to run: what a simulation and a measurement are both told.

    `config` is a config.json as an object; `micro_batch` rows of `seq_len` tokens per forward pass, `grad_accum` passes
    per step. `double_quant` and `kbit_prepare` are of the 4-bit techniques; `peft` is a PeftConfig with `peft_type`.
    """

    config: dict[str, Any]
    technique: Literal["full", "lora", "qlora", "dora", "qdora", "prompt", "peft"]
    micro_batch: int
    seq_len: int
    base_dtype: Number = "bf16"
    autocast: Literal["none", "bf16", "fp16"] = "none"
    double_quant: bool = True
    kbit_prepare: bool = True
    r: int = 16
    targets: list[str] | Literal["all-linear"] = "all-linear"
    dropout: float = 0.0
    adapter_dtype: Number = "fp32"
    virtual_tokens: int = 20
    peft: dict[str, Any] | None = None
    padded: bool = False
    grad_accum: int = 1
    checkpointing: bool = False
    optimizer: Literal["adamw", "adamw_fused", "adamw_8bit", "adamw_paged_8bit", "adafactor", "sgd"] = "adamw_fused"
    keep_logits: bool = False


class SimulationQuestion(StepQuestion, frozen=True, kw_only=True):
    """A step on tensors without memory.

    `kernel` is the attention that the device would choose; `cuda` asks for what a GPU's kernels keep.
    """

    kernel: Kernel = "flash"
    cuda: bool = True


class LiveGroup(msgspec.Struct, frozen=True):
    """Tensors that are alive at the peak: what made them, their shape and type, how many, how many bytes in all."""

    op: str
    shape: list[int]
    dtype: str
    count: int
    bytes: int


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """The second step, at steady state; sizes in bytes, each tensor rounded up to 512 as CUDA's allocator does.

    `phases` are the peaks of fwd, bwd and opt; `categories` share out the peak; `reserved` is the peak of a caching
    allocator that is given the same requests; `timeline` has (share of the step's events, bytes), `largest` the groups
    of tensors that hold most at the peak.
    """

    allocated: int
    reserved: int
    phase: str
    phases: dict[str, int]
    categories: dict[str, int]
    timeline: list[tuple[float, int]]
    largest: list[LiveGroup]
    parameters: int
    trained_parameters: int
    operations: int
