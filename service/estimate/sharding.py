"""What data parallelism and ZeRO change per device and on the host: the state that stays between steps."""

from __future__ import annotations

import msgspec

from service.estimate.adapters import adapter_bytes, adapter_tensors, largest_trained, trained_parameters
from service.estimate.gradients import gradient_bytes
from service.estimate.notation import Case, once
from service.estimate.optimizer import optimizer_bytes
from service.estimate.weights import weight_bytes
from service.models.parameters import weight_tensors

SOURCE = "deepspeed 0.19.8 runtime/zero/stage_1_and_2.py, stage3.py; torch DistributedDataParallel buckets"

_FP32 = 4


class State(msgspec.Struct, frozen=True):
    """Bytes of one device (`host`: of the machine) after sharding.

    `gradients` are all that one backward pass leaves; `communication` what is held between steps for it.
    """

    weights: int
    adapter: int
    optimizer: int
    gradients: int
    communication: int
    host: int


@once
def device_state(case: Case) -> State:
    """The static state of one device."""
    stage, n, run = case.run.zero_stage, case.run.gpus, case.run
    trained = trained_parameters(case)
    weights, adapter, optimizer = weight_bytes(case), adapter_bytes(case), optimizer_states(case)
    gradients = trained * gradient_width(case)
    if stage >= 1:
        optimizer, gradients = share(optimizer, n), share(gradients, n)
    if stage == 3:
        weights, adapter = share(weights, n), share(adapter, n)
    if run.offload_optimizer:
        optimizer = gradients = 0
    if run.offload_params:
        # what every device keeps whole anyway stays on it, but a trained weight's own share lies with the others
        weights, adapter = share(kept_whole(case)[0] * case.w, n) if not case.full else 0, 0
    return State(weights, adapter, optimizer, gradients, _communication(case), host_bytes(case))


def gradient_width(case: Case) -> int:
    """Bytes per gradient that DeepSpeed keeps: those of the type it runs in, also of fp32 adapters under ZeRO-3."""
    return 2 if case.run.zero_half else case.g


def optimizer_states(case: Case) -> int:
    """All of the optimizer's: DeepSpeed keeps an own fp32 copy of what is trained, of fp32 weights too."""
    state = optimizer_bytes(case)
    if case.run.zero_stage == 0:
        return state
    copy = _FP32 * trained_parameters(case)
    return copy + (2 * copy if case.run.optimizer in {"adamw", "adamw_fused"} else state)


@once
def kept_whole(case: Case) -> tuple[int, int]:
    """(elements of the base, of the adapter) in tensors so small that ZeRO-3 never releases them."""
    limit = case.run.zero_sizes.persistence
    base, adapter = weight_tensors(case.model), [] if case.full else adapter_tensors(case)
    return sum(one for one in base if one <= limit), sum(one for one in adapter if one <= limit)


@once
def host_bytes(case: Case) -> int:
    """Offloaded state in the host's RAM, of all processes on it."""
    n, run = case.run.gpus, case.run
    trained, width, host = trained_parameters(case), gradient_width(case), 0
    if run.offload_optimizer:
        # fp32 copy, two moments and fp32 gradients; what is copied back (1, 2) or gathered (3) is as wide as a gradient
        moments = optimizer_states(case) + _FP32 * trained + width * trained
        host += moments
        if run.zero_stage < 3:
            host += n * largest_trained(case) * width + (width * trained if run.accumulates else 0)
    if run.offload_params:
        host += _offloaded_weights(case)
    return host


def _offloaded_weights(case: Case) -> int:
    trained = trained_parameters(case) * (case.w if case.full else case.u)
    frozen = 0 if case.full else weight_bytes(case) - kept_whole(case)[0] * case.w
    if not case.run.cuda:
        return trained + frozen
    # pinned: PyTorch's host allocator gives powers of two (ATen/core/CachingHostAllocator.h)
    each = share(trained, case.run.gpus)
    return case.run.gpus * (1 << max(0, each - 1).bit_length()) + frozen


def _communication(case: Case) -> int:
    stage, run = case.run.zero_stage, case.run
    if stage == 0:
        return gradient_bytes(case) if run.gpus > 1 else 0
    if stage == 3:
        return bucket_bytes(case)
    # gradients are added up on the device before they are copied to the host
    return largest_trained(case) * gradient_width(case) if run.offload_optimizer else 0


def bucket_bytes(case: Case) -> int:
    """The bucket that gradients are averaged in, allocated whole; ZeRO-1 and 2 hold it in the backward pass only."""
    return case.run.zero_sizes.reduce * gradient_width(case)


def share(size: int, devices: int) -> int:
    """A process's part, rounded up."""
    return -(-size // devices)
