"""The allocator's laws, whatever the order of requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainers.simulation.allocator import Allocator

MIB = 2**20
# (size in blocks of 512 bytes, which of the living requests ends before it, if any)
REQUESTS = st.lists(st.tuples(st.integers(1, 60_000), st.none() | st.integers(0, 1000)), max_size=60)


@given(REQUESTS)
def test_what_is_held_lies_in_what_is_reserved_and_joins_again(requests: list[tuple[int, int | None]]) -> None:
    allocator, held = Allocator(), {}
    for key, (blocks, ends) in enumerate(requests):
        if ends is not None and held:
            gone = sorted(held)[ends % len(held)]
            allocator.give_back(gone)
            del held[gone]
        before = allocator.reserved
        allocator.take(key, blocks * 512)
        held[key] = blocks * 512
        assert allocator.reserved >= max(before, sum(held.values()))
    reserved = allocator.reserved
    for key in held:
        allocator.give_back(key)
    assert allocator.reserved == reserved  # segments are kept
    assert sum(block.size for block in allocator.segments) == reserved  # and each of them is one block again
    assert all(block.free and block.before is None and block.after is None for block in allocator.segments)


def test_segments_have_the_sizes_of_cuda_s_allocator() -> None:
    for size, segment in (
        (512, 2 * MIB),
        (MIB, 2 * MIB),
        (MIB + 512, 20 * MIB),
        (10 * MIB, 10 * MIB),
        (11 * MIB, 12 * MIB),
    ):
        allocator = Allocator()
        allocator.take(0, size)
        assert allocator.reserved == segment


def test_a_small_request_never_splits_a_large_segment() -> None:
    allocator = Allocator()
    allocator.take(0, 2 * MIB)  # leaves 18 MiB of its segment free
    allocator.take(1, 512)
    assert allocator.reserved == 22 * MIB
    allocator.take(2, 3 * MIB)
    assert allocator.reserved == 22 * MIB
