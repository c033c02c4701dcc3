"""When DeepSpeed averages gradients: the buckets they are collected in, and the copies that are made of a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from service.estimate.adapters import adapter_tensors
from service.estimate.gathering import EMBEDDING, HEAD, layer_weight
from service.estimate.notation import Case, once
from service.models.architecture import Architecture
from service.models.parameters import layer_vectors, linears

SOURCE = "deepspeed 0.19.8 runtime/zero/stage_1_and_2.py (setup_buckets, average_tensor), stage3.py (avg_scatter_grads)"


_PAIR = 2


class Gradient(msgspec.Struct, frozen=True):
    """One trained tensor: elements, place in the flat order, number as `gathering` counts, layers kept then."""

    elements: int
    offset: int
    weight: int
    layers: int


class Flush(msgspec.Struct, frozen=True):
    """A bucket that is averaged: elements, those copied for it, those done before it, and the gradient that waits.

    `layers` are those whose activations are still kept, `weight` is the one whose gradient is waiting (-1 at the end).
    """

    layers: int
    weight: int
    elements: int
    copied: int
    before: int
    pending: int


@once
def flushes(case: Case) -> tuple[Flush, ...]:
    """Every bucket of one backward pass; ZeRO-1 fills them afterwards, in the order of the model."""
    adapters = () if case.full else tuple(adapter_tensors(case))
    stage, sizes = case.run.zero_stage, case.run.zero_sizes
    return _flushes(case.model, adapters, stage=stage, devices=case.run.gpus, limit=sizes.reduce)


@lru_cache(maxsize=64)
def _flushes(
    model: Architecture, adapters: tuple[int, ...], *, stage: int, devices: int, limit: int
) -> tuple[Flush, ...]:
    order = list(_adapter_gradients(model, adapters) if adapters else _gradients(model))
    total = sum(one.elements for one in order)
    if stage > 1:
        order.reverse()
    found: list[Flush] = []
    bucket: list[Gradient] = []
    size = done = 0

    def flush(layers: int, weight: int, pending: int) -> None:
        nonlocal size, done
        copied = size if (len(bucket) > 1 if stage == 3 else _in_pieces(bucket, total, devices)) else 0
        found.append(Flush(layers, weight, size, copied, done, pending))
        done += size
        bucket.clear()
        size = 0

    for one in order:
        if bucket and size + one.elements > limit:
            flush(one.layers, one.weight, one.elements)
        bucket.append(one)
        size += one.elements
    if bucket:
        flush(0, -1, 0)
    return tuple(found)


def _in_pieces(bucket: list[Gradient], total: int, devices: int) -> bool:
    """Whether the bucket belongs to several processes: one piece is averaged where it lies.

    Of more than two processes any bucket may, and one is counted as several, which is an upper bound: so that one more
    never seems to need more.
    """
    if devices != _PAIR:
        return True
    half = -(-total // devices)
    owners = {one.offset // half for one in bucket} | {(one.offset + one.elements - 1) // half for one in bucket}
    return len(owners) > 1


def _gradients(model: Architecture) -> Iterator[Gradient]:
    """All weights in the order of the model; tied ones get their gradient last in the backward pass."""
    vocabulary, matrices, vectors = model.vocabulary * model.hidden, linears(model), layer_vectors(model)
    sizes = [(vocabulary, EMBEDDING, 0)]
    for layer in range(model.layers):
        sizes += [(one.elements, layer_weight(layer, n, len(matrices)), layer + 1) for n, one in enumerate(matrices)]
        sizes += [(one, layer_weight(layer, 0, len(matrices)), layer + 1) for one in vectors]
    if not model.tied:
        sizes.append((vocabulary, HEAD, model.layers))
    offset = 0
    for elements, weight, layers in sizes:
        yield Gradient(elements, offset, weight, layers)
        offset += elements


def _adapter_gradients(model: Architecture, adapters: tuple[int, ...]) -> Iterator[Gradient]:
    offset, each = 0, max(1, len(adapters) // model.layers)
    for number, elements in enumerate(adapters):
        yield Gradient(elements, offset, -1, number // each + 1)
        offset += elements
