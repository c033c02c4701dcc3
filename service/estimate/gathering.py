"""What ZeRO-3 gathers of its partitioned weights: DeepSpeed's fetching, prefetching and releasing, replayed.

A closed form misses it: how far the prefetch runs ahead depends on the order and the sizes of the modules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec

from service.estimate.adapters import adapter_tensors
from service.estimate.notation import Case, once
from service.models.architecture import Architecture
from service.models.parameters import linears
from trainers.contract import ZeroSizes

SOURCE = "deepspeed 0.19.8 runtime/zero/partitioned_param_coordinator.py, partition_parameters.py"

# weights by number: none, the embedding, the head, then those of the layers
NONE, EMBEDDING, HEAD, _FIRST = -1, 0, 1, 2


class Use(msgspec.Struct, frozen=True):
    """One fetch of a partitioned weight: which, its elements, bytes of each, and the layers that are kept then."""

    weight: int
    elements: int
    width: int
    layers: int

    @property
    def bytes(self) -> int:
        return self.elements * self.width


def layer_weight(layer: int, number: int, matrices: int, *, each: int = 1) -> int:
    """The number of a layer's matrix, where `each` stands for a matrix and the adapters beside it."""
    return _FIRST + (layer * matrices + number) * each


class Gathered(msgspec.Struct, frozen=True):
    """(layers kept, bytes on the device) at each module of the forward pass; `at_loss` when it ends.

    `backward`: the same by weight, the last time that it is used, and by layer (under -2 - layers) the most.
    """

    forward: tuple[tuple[int, int], ...]
    backward: dict[int, int]
    at_loss: int


@once
def gathered(case: Case) -> Gathered:
    """One pass over the model, once DeepSpeed knows the order of its modules (from the third on)."""
    how = _Pass(
        model=case.model,
        adapters=_adapters(case),
        width=case.w,
        adapter_width=case.u,
        checkpointing=case.run.checkpointing,
        full=case.full,
    )
    return _replayed(how, case.run.zero_sizes)


def _adapters(case: Case) -> tuple[int, ...]:
    if case.full or not case.low_rank:
        return ()
    return tuple(adapter_tensors(case)[: len(adapter_tensors(case)) // case.model.layers])


class _Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the order of fetches; `adapters` are the elements of one layer's."""

    model: Architecture
    adapters: tuple[int, ...]
    width: int
    adapter_width: int
    checkpointing: bool
    full: bool

    @property
    def vocabulary(self) -> int:
        return self.model.vocabulary * self.model.hidden

    def head(self) -> Use:
        weight = EMBEDDING if self.model.tied else HEAD
        return Use(weight, self.vocabulary, self.width, self.model.layers)

    def forward(self) -> Iterator[Use]:
        # the model and what is inside it have no weights of their own; each module is an occasion to prefetch
        yield from [_nothing(0)] * 2
        yield Use(EMBEDDING, self.vocabulary, self.width, 0)
        for layer in range(self.model.layers):
            yield from self.layer(layer)
        yield _nothing(self.model.layers)
        yield self.head()

    def backward(self) -> Iterator[Use]:
        yield _nothing(self.model.layers)
        yield self.head()
        for layer in reversed(range(self.model.layers)):
            inside = list(self.layer(layer))
            if self.checkpointing:
                yield from inside
            yield from reversed(inside)
        if self.full:
            yield Use(EMBEDDING, self.vocabulary, self.width, 0)

    def layer(self, layer: int) -> Iterator[Use]:
        """The modules as they run: layer, norm, attention with its matrices, norm, block with its matrices."""
        inside, kept = linears(self.model), layer + 1
        per_matrix = len(self.adapters) // len(inside)
        yield from [_nothing(kept)] * 3
        for number, linear in enumerate(inside):
            if linear.reads == "mlp" and inside[number - 1].reads == "o":
                yield from [_nothing(kept)] * 2
            first = layer_weight(layer, number, len(inside), each=1 + per_matrix)
            if per_matrix:
                yield _nothing(kept)
            yield Use(first, linear.elements, self.width, kept)
            for one in range(per_matrix):
                yield Use(first + 1 + one, self.adapters[number * per_matrix + one], self.adapter_width, kept)


def most_back(how: Gathered, *, layers: int, weight: int) -> int:
    """Bytes while the gradient of a weight is made; of one without a number, the most of its layer."""
    return (
        how.backward.get(weight, how.backward.get(NONE - 1 - layers, 0))
        if weight != NONE
        else how.backward.get(NONE - 1 - layers, 0)
    )


def _nothing(kept: int) -> Use:
    return Use(NONE, 0, 0, kept)


@lru_cache(maxsize=64)
def _replayed(how: _Pass, sizes: ZeroSizes) -> Gathered:
    forward, backward = list(how.forward()), list(how.backward())
    replay = _Replay([*forward, *backward], sizes)
    ahead = tuple((use.layers, replay.fetch(step)) for step, use in enumerate(forward))
    at_loss = replay.after[-1]
    back: dict[int, int] = {}
    for step, use in enumerate(backward, len(forward)):
        size, layer = replay.fetch(step), NONE - 1 - use.layers
        back[layer] = max(back.get(layer, 0), size)
        if use.weight != NONE:
            back[use.weight] = size
    return Gathered(ahead, back, at_loss)


class _Replay:
    """The state of DeepSpeed's coordinator; `after` is what is left on the device when a module has run."""

    def __init__(self, uses: Sequence[Use], sizes: ZeroSizes) -> None:
        self._uses = uses
        self._sizes = sizes
        # what is never sharded is always there
        self._queue = deque((step, use) for step, use in enumerate(uses) if use.elements > sizes.persistence)
        self._available: dict[int, int] = {}
        # a bucket of several weights: its flat buffer lives from the gathering until the last of them was fetched
        self._flat: dict[int, list[int]] = {}
        self._fetched_for: dict[int, int] = {}
        self._elements = 0
        self._live = 0
        self.after: list[int] = []
        self._again = self._distances()

    def fetch(self, step: int) -> int:
        """Bytes on the device while the module of this step runs."""
        use = self._uses[step]
        if use.elements <= self._sizes.persistence:
            self._prefetch()
            self.after.append(self._live)
            return self._live
        if use.weight not in self._available:
            self._gather([use])
        self._wait(use.weight)
        if self._fetched_for.get(use.weight, -1) < step and self._queue:
            self._take()
        # the copies out of a bucket and the buckets that are prefetched meanwhile
        self._prefetch()
        most = self._live
        self._release(step, use)
        self.after.append(self._live)
        return most

    def _distances(self) -> list[float]:
        """Elements that run between a use and the next one of the same weight."""
        total, passed = 0, []
        for use in self._uses:
            passed.append(total)
            total += use.elements
        last: dict[int, int] = {}
        again = [float("inf")] * len(self._uses)
        for step in reversed(range(len(self._uses))):
            weight = self._uses[step].weight
            if weight in last:
                again[step] = passed[last[weight]] - passed[step] - self._uses[step].elements
            last[weight] = step
        return again

    def _take(self) -> Use:
        step, use = self._queue.popleft()
        self._fetched_for[use.weight] = max(step, self._fetched_for.get(use.weight, -1))
        return use

    def _prefetch(self) -> None:
        room = min(self._sizes.live - self._elements, self._sizes.prefetch)
        bucket: dict[int, Use] = {}
        size = 0
        while self._queue and size < room:
            use = self._take()
            if use.weight not in self._available and use.weight not in bucket:
                bucket[use.weight] = use
                size += use.elements
        if bucket:
            self._gather(list(bucket.values()))

    def _gather(self, bucket: list[Use]) -> None:
        total = sum(use.bytes for use in bucket)
        self._elements += sum(use.elements for use in bucket)
        self._live += total
        waiting = [total, len(bucket), 0]  # bytes, weights that were not fetched yet, whether copies exist
        for use in bucket:
            self._available[use.weight] = use.elements
            if len(bucket) > 1:
                self._flat[use.weight] = waiting

    def _wait(self, weight: int) -> None:
        waiting = self._flat.pop(weight, None)
        if waiting is None:
            return
        if not waiting[2]:
            waiting[2] = 1
            self._live += waiting[0]
        waiting[1] -= 1
        if not waiting[1]:
            self._live -= waiting[0]

    def _release(self, step: int, use: Use) -> None:
        if self._fetched_for.get(use.weight, -1) > step + 1 or self._again[step] < self._sizes.reuse:
            return
        del self._available[use.weight]
        self._elements -= use.elements
        self._live -= use.bytes
