"""What a memory measurement is asked and answers: the part of the contract that `trainers.measurement` serves."""

from __future__ import annotations

from typing import Literal

import msgspec

from trainers.compute import Attention
from trainers.simulated import StepQuestion

Place = Literal["cuda", "cpu"]


class MeasurementQuestion(StepQuestion, frozen=True, kw_only=True):
    """Real training steps, on the first GPU that CUDA shows or on the CPU.

    `shapes` are (micro_batch, seq_len) to be measured beside the question's own, which comes first.
    """

    attention: Attention = "sdpa"
    place: Place = "cuda"
    shapes: tuple[tuple[int, int], ...] = ()


class Reading(msgspec.Struct, frozen=True):
    """Peaks in bytes: of tensors, and of what the allocator held of the device (null on a CPU)."""

    allocated: int
    reserved: int | None = None


class MeasuredShape(msgspec.Struct, frozen=True, kw_only=True):
    """One shape at steady state: the peak of every phase, by the names of the formulas (and fwd, the forward pass)."""

    micro_batch: int
    seq_len: int
    phases: dict[str, Reading]


class OutOfMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Where the memory ended, and what was in use then; `phase` "load" is before the first step."""

    micro_batch: int
    seq_len: int
    phase: str
    reached: Reading


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes; `context` is what the process holds beyond its allocator, read after a step (null on a CPU).

    `load` is the peak while the model was made, `loaded` what was left of it. `weights`, `adapter` and `optimizer` are
    the tensors themselves. `kernel` names the backends of scaled dot product attention that ran, null where none did.
    `out_of_memory` is of the first shape that did not fit; where that is the question's own, `shapes` is empty.
    """

    device: str
    capability: float
    total: int
    parameters: int = 0
    trained_parameters: int = 0
    weights: int = 0
    adapter: int = 0
    optimizer: int = 0
    load: Reading
    loaded: int = 0
    context: int | None = None
    kernel: str | None = None
    steps: int = 0
    shapes: list[MeasuredShape] = []
    out_of_memory: OutOfMemory | None = None
    versions: dict[str, str] = {}
