"""When DeepSpeed averages gradients: the buckets that they are collected in, and the copies that are made of a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from service.estimate.adapters import adapter_tensors
from service.estimate.notation import Case
from service.models.architecture import Architecture
from service.models.parameters import layer_vectors, linears, weight_tensors

SOURCE = "deepspeed 0.19.8 runtime/zero/stage_1_and_2.py (setup_buckets, average_tensor), stage3.py (avg_scatter_grads)"


class Gradient(msgspec.Struct, frozen=True):
    """One trained tensor: its elements, where it lies in the flat order, how many layers' activations are kept then."""

    elements: int
    offset: int
    layers: int


class Flush(msgspec.Struct, frozen=True):
    """A bucket that is averaged: elements, those copied for it, those done before it, and the gradient that waits."""

    layers: int
    elements: int
    copied: int
    before: int
    pending: int


def flushes(case: Case) -> tuple[Flush, ...]:
    """Every bucket of one backward pass; ZeRO-1 fills them afterwards, in the order of the model."""
    adapters = () if case.full else tuple(adapter_tensors(case))
    stage, sizes = case.run.zero_stage, case.run.zero_sizes
    return _flushes(case.model, adapters, stage=stage, devices=case.run.gpus, limit=sizes.reduce)


def largest_trained(case: Case) -> int:
    """Elements of the largest tensor that is trained."""
    return max(weight_tensors(case.model) if case.full else adapter_tensors(case), default=0)


@lru_cache(maxsize=64)
def _flushes(
    model: Architecture, adapters: tuple[int, ...], *, stage: int, devices: int, limit: int
) -> tuple[Flush, ...]:
    order = list(_adapter_gradients(model, adapters) if adapters else _gradients(model))
    total = sum(one.elements for one in order)
    if stage > 1:
        order.reverse()
    share = max(1, -(-total // devices))
    found: list[Flush] = []
    bucket: list[Gradient] = []
    size = done = 0

    def flush(layers: int, pending: int) -> None:
        nonlocal size, done
        copied = size if (_in_pieces(bucket, share) if stage < 3 else len(bucket) > 1 or size % devices) else 0
        found.append(Flush(layers, size, copied, done, pending))
        done += size
        bucket.clear()
        size = 0

    for one in order:
        if bucket and size + one.elements > limit:
            flush(one.layers, one.elements)
        bucket.append(one)
        size += one.elements
    if bucket:
        flush(0, 0)
    return tuple(found)


def _in_pieces(bucket: list[Gradient], share: int) -> bool:
    """Whether the bucket belongs to several processes: one piece is averaged where it lies."""
    owners = {one.offset // share for one in bucket} | {(one.offset + one.elements - 1) // share for one in bucket}
    return len(owners) > 1


def _gradients(model: Architecture) -> Iterator[Gradient]:
    """All weights in the order of the model; tied ones get their gradient last in the backward pass."""
    vocabulary = model.vocabulary * model.hidden
    inside = [linear.elements for linear in linears(model)] + layer_vectors(model)
    offset = 0
    sizes = [(vocabulary, 0), *((one, layer) for layer in range(model.layers) for one in inside)]
    if not model.tied:
        sizes.append((vocabulary, model.layers))
    for elements, layers in sizes:
        yield Gradient(elements, offset, layers)
        offset += elements


def _adapter_gradients(model: Architecture, adapters: tuple[int, ...]) -> Iterator[Gradient]:
    offset, each = 0, max(1, len(adapters) // model.layers)
    for number, elements in enumerate(adapters):
        yield Gradient(elements, offset, number // each)
        offset += elements
