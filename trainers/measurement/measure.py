"""A question in, a measurement out."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import msgspec

from trainers.measured import MeasuredShape, Measurement, MeasurementQuestion, OutOfMemory, Reading

if TYPE_CHECKING:
    from trainers.measurement.meter import Meter
    from trainers.measurement.phases import PhaseClock

_LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes")
# of the CPU's allocator (c10/core/CPUAllocator / impl/alloc_cpu.cpp), which raises a plain RuntimeError
_CPU_FULL = "DefaultCPUAllocator: "


def measure(question: MeasurementQuestion, meter: Meter | None = None) -> Measurement:
    """Make the model, run three steps of every shape, and read the peaks of the steps after the first.

    Raises:
        TrainerError: `missing_gpu`, `unsupported_family`, `target_cannot`, `missing_extra`.
    """
    import torch

    from trainers.measurement.meter import meter_of
    from trainers.measurement.phases import PhaseClock
    from trainers.measurement.step import STEPS

    counted = meter or meter_of(question.place)
    torch.manual_seed(0)
    with counted.watching():
        clock = PhaseClock(counted)
        found = Measurement(
            device=counted.name(), capability=counted.capability(), total=counted.total(), load=Reading(0),
            steps=STEPS, versions=_versions(),
        )  # fmt: skip
        try:
            return _measured(question, counted, clock, found)
        except Exception as error:
            if not _is_full(error):
                raise
            return msgspec.structs.replace(
                found, load=clock.peaks.get("load", counted.peak()),
                out_of_memory=_reached(clock, counted, question.micro_batch, question.seq_len),
            )  # fmt: skip


def _measured(question: MeasurementQuestion, meter: Meter, clock: PhaseClock, found: Measurement) -> Measurement:
    from trainers.measurement.model import base, wrapped
    from trainers.measurement.optimizer import optimizer
    from trainers.measurement.phases import PHASES
    from trainers.measurement.step import Run

    plain = base(question, meter.device)
    parameters = sum(_elements(one) for one in plain.parameters())
    model = wrapped(plain, question)
    clock.leave()
    load = clock.peaks["load"]
    meter.release()
    loaded = meter.now()
    trained = [one for one in model.parameters() if one.requires_grad]
    run = Run(model, optimizer(question.optimizer, trained, cuda=meter.device != "cpu"), question, clock)
    shapes: list[MeasuredShape] = []
    full, context = None, None
    for micro_batch, seq_len in dict.fromkeys([(question.micro_batch, question.seq_len), *question.shapes]):
        try:
            clock.forget()
            run.steps(micro_batch, seq_len)
        except Exception as error:
            if not _is_full(error):
                raise
            full = _reached(clock, meter, micro_batch, seq_len)
            break
        context = meter.context() if context is None else context
        phases = {name: clock.peaks[name] for name in PHASES if name in clock.peaks}
        shapes.append(MeasuredShape(micro_batch=micro_batch, seq_len=seq_len, phases=phases))
        meter.release()
    adapter = 0 if question.technique == "full" else _bytes(trained)
    return msgspec.structs.replace(
        found,
        parameters=parameters,
        trained_parameters=sum(one.numel() for one in trained),
        weights=_bytes(_held(model)) - adapter,
        adapter=adapter,
        optimizer=_bytes(one for state in run.optimizer.state.values() for one in state.values()),
        load=load,
        loaded=loaded,
        context=context,
        kernel=", ".join(sorted(run.backends)) or None,
        shapes=shapes,
        out_of_memory=full,
    )


def _reached(clock: PhaseClock, meter: Meter, micro_batch: int, seq_len: int) -> OutOfMemory:
    return OutOfMemory(micro_batch=micro_batch, seq_len=seq_len, phase=clock.phase, reached=meter.peak())


def _is_full(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or _CPU_FULL in str(error)


def _elements(parameter: Any) -> int:
    """Of the plain weight, where this is one in 4 bits."""
    state = getattr(parameter, "quant_state", None)
    return int(parameter.numel() if state is None else state.shape.numel())


def _held(model: Any) -> Iterable[Any]:
    """Every tensor of a model, and the scales of what is in 4 bits."""
    for one in [*model.parameters(), *model.buffers()]:
        yield one
        state = getattr(one, "quant_state", None)
        for part in (state, getattr(state, "state2", None)):
            if part is not None:
                yield from (part.absmax, part.code)


def _bytes(tensors: Iterable[Any]) -> int:
    import torch

    sizes = {}
    for one in tensors:
        if isinstance(one, torch.Tensor):
            storage = one.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
