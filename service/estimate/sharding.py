"""What data parallelism and ZeRO change per device and on the host; formulas from source only, unvalidated."""

from __future__ import annotations

import msgspec

from service.estimate.adapters import adapter_bytes, trained_parameters
from service.estimate.gradients import gradient_bytes
from service.estimate.notation import Case
from service.estimate.optimizer import optimizer_bytes
from service.estimate.weights import weight_bytes
from service.models.parameters import layer_parameters

SOURCE = "deepspeed 0.19.8 runtime/zero/config.py, stage_1_and_2.py, stage3.py; torch DistributedDataParallel buckets"

# deepspeed defaults, in elements
_BUCKET = 500_000_000
_PREFETCH = 50_000_000
_MAX_LIVE = 1_000_000_000
# deepspeed's own safety factor on host memory
_HOST_FACTOR = 1.5


class State(msgspec.Struct, frozen=True):
    """Bytes of one device (`host` of the machine) after sharding; `step` only exists in the optimizer step."""

    weights: int
    adapter: int
    optimizer: int
    gradients: int
    communication: int
    step: int
    host: int


def device_state(case: Case) -> State:
    """The static state of one device."""
    stage, n = case.run.zero_stage, case.run.gpus
    trained = trained_parameters(case)
    gradients, optimizer = gradient_bytes(case), _optimizer(case)
    weights, adapter, step = weight_bytes(case), adapter_bytes(case), 0
    if stage >= 1:
        optimizer = _share(optimizer, n)
    if stage >= 2:
        gradients = _share(gradients, n)
        step = _share(4 * trained, n)
    if stage == 3:
        weights, adapter = _share(weights, n), _share(adapter, n)
    if case.run.offload_optimizer:
        optimizer, step, gradients = 0, 0, 0 if stage >= 2 else gradients
    if case.run.offload_params:
        weights = adapter = 0
    return State(weights, adapter, optimizer, gradients, _communication(case), step, host_bytes(case))


def largest_gathered(case: Case) -> int:
    """Elements of the larger of one layer and the embedding."""
    return max(layer_parameters(case.model), case.head_elements)


def host_bytes(case: Case) -> int:
    """Offloaded state in the host's RAM."""
    stage, n, trained = case.run.zero_stage, case.run.gpus, trained_parameters(case)
    host = 0.0
    if case.run.offload_optimizer:
        host = trained * (16 if stage == 3 else max(4 * n, 16)) * _HOST_FACTOR
    if case.run.offload_params:
        # 18 = 16 for the state + 2 for the 16-bit weight; a frozen weight costs only itself
        host = (16 * trained + weight_bytes(case)) * _HOST_FACTOR
    return round(host)


def _optimizer(case: Case) -> int:
    state = optimizer_bytes(case)
    if case.run.zero_stage == 0 or case.g == 4:
        return state
    # mixed precision keeps an fp32 master copy, and Adam's states in fp32 too
    trained = trained_parameters(case)
    return 12 * trained if case.run.optimizer in {"adamw", "adamw_fused"} else 4 * trained + state


def _communication(case: Case) -> int:
    stage, trained = case.run.zero_stage, trained_parameters(case)
    if stage == 0:
        return gradient_bytes(case) if case.run.gpus > 1 else 0
    buffers = min(_BUCKET, trained) * case.g
    if stage < 3:
        return buffers + min(_BUCKET, trained) * case.w
    largest = largest_gathered(case)
    live = 4 * largest if case.run.offload_params else min(case.parameters, max(2 * largest, _MAX_LIVE))
    return buffers + min(_PREFETCH, case.parameters) * case.w + live * case.w


def _share(size: int, devices: int) -> int:
    return -(-size // devices)
