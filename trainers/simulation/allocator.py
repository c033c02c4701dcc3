"""CUDA's caching allocator over a list of requests: what it would have reserved from the device.

Modelled: the two pools, rounding of segments, best fit, splitting, joining of free neighbours. Not modelled: streams,
expandable segments, emptying the cache, and what it does when memory runs out.
Source: c10/cuda/CUDACachingAllocator.cpp (kSmallSize, kSmallBuffer, kLargeBuffer, kMinLargeAlloc, kRoundLarge).
"""

from __future__ import annotations

from bisect import bisect_left, insort

_MIB = 2**20
_SMALL, _SMALL_SEGMENT = _MIB, 2 * _MIB
_LARGE_SEGMENT, _LARGEST_IN_ONE, _ROUND = 20 * _MIB, 10 * _MIB, 2 * _MIB
_SMALLEST_REST = 512


class _Block:
    """A part of a segment, with its neighbours in it."""

    __slots__ = ("after", "before", "free", "number", "size", "small")

    def __init__(self, number: int, size: int, *, small: bool) -> None:
        self.number, self.size, self.small = number, size, small
        self.free = True
        self.before: _Block | None = None
        self.after: _Block | None = None


class Allocator:
    """`reserved` is the sum of its segments, which are never given back."""

    def __init__(self) -> None:
        self.reserved = 0
        self.segments: list[_Block] = []
        self._count = 0
        self._blocks: dict[int, _Block] = {}
        self._free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        self._held: dict[int, _Block] = {}

    def take(self, key: int, size: int) -> None:
        """A request of `size` bytes, already rounded to 512."""
        small = size <= _SMALL
        block = self._fitting(size, small=small) or self._segment(size, small=small)
        rest = block.size - size
        if rest >= _SMALLEST_REST if small else rest > _SMALL:
            self._split(block, size)
        block.free = False
        self._held[key] = block

    def give_back(self, key: int) -> None:
        """The request is over; the block is joined with free neighbours."""
        block = self._held.pop(key)
        block.free = True
        for other in (block.after, block.before):
            if other is not None and other.free:
                self._unlist(other)
                block = self._joined(block, other)
        insort(self._free[block.small], (block.size, block.number))

    def _fitting(self, size: int, *, small: bool) -> _Block | None:
        listed = self._free[small]
        at = bisect_left(listed, (size, -1))
        if at == len(listed):
            return None
        _, number = listed.pop(at)
        return self._blocks[number]

    def _segment(self, size: int, *, small: bool) -> _Block:
        if small:
            whole = _SMALL_SEGMENT
        elif size < _LARGEST_IN_ONE:
            whole = _LARGE_SEGMENT
        else:
            whole = -(-size // _ROUND) * _ROUND
        self.reserved += whole
        block = self._new(whole, small=small)
        self.segments.append(block)
        return block

    def _split(self, block: _Block, size: int) -> None:
        rest = self._new(block.size - size, small=block.small)
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after, block.size = rest, size
        insort(self._free[rest.small], (rest.size, rest.number))

    def _joined(self, block: _Block, other: _Block) -> _Block:
        first, second = (block, other) if block.after is other else (other, block)
        first.size += second.size
        first.after = second.after
        if second.after is not None:
            second.after.before = first
        del self._blocks[second.number]
        return first

    def _unlist(self, block: _Block) -> None:
        listed = self._free[block.small]
        del listed[bisect_left(listed, (block.size, block.number))]

    def _new(self, size: int, *, small: bool) -> _Block:
        self._count += 1
        block = _Block(self._count, size, small=small)
        self._blocks[block.number] = block
        return block
