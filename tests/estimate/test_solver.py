"""The search returns the last size that fits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.estimate.notation import GIB, Case, Run
from service.estimate.phases import peak, phases
from service.estimate.solver import largest, max_micro_batch, max_seq_len
from service.models.architecture import read_architecture
from service.models.catalogue import catalogue


def allocated_bytes(case: Case) -> int:
    return peak(case).bytes


def of_each_phase(case: Case) -> list[int]:
    return [phase.bytes for phase in phases(case)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300), st.integers(0, 5000))
def test_the_last_size_within_the_capacity_is_found_on_any_shape(steps: list[int], capacity: int) -> None:
    needs = list(accumulate(steps))
    expected = sum(need <= capacity for need in needs)
    assert largest(lambda size: [needs[size - 1]], capacity, limit=len(needs)) == expected


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300), st.integers(0, 5000), st.integers(1, 300))
def test_it_does_not_matter_which_size_was_looked_at_before(steps: list[int], capacity: int, start: int) -> None:
    needs = list(accumulate(steps))
    found = largest(lambda size: [needs[size - 1], size], capacity, limit=len(needs), start=start)
    assert found == sum(max(need, size) <= capacity for size, need in enumerate(needs, 1))


@pytest.mark.parametrize(
    ("needs", "expected", "most"),
    [
        # moments that are lines: both ends, the answer, and its neighbour; the same as one kinked line
        (lambda size: [10 + size, 3 * size - 4000], 18_000, 4),
        (lambda size: [max(10 + size, 3 * size - 4000)], 18_000, 9),
        # a parabola: one more
        (lambda size: [10 + size, 2 * size + size * size / 1000], 6_141, 5),
    ],
)
def test_a_few_looks_are_enough(needs: Callable[[int], list[float]], expected: int, most: int) -> None:
    looks: list[int] = []

    def looked(size: int) -> list[float]:
        looks.append(size)
        return needs(size)

    assert largest(looked, 50_000, limit=10_000_000) == expected
    assert len(looks) <= most


@pytest.mark.parametrize("technique", ["full", "lora", "qlora"])
def test_the_answer_fits_and_one_more_does_not(technique: str) -> None:
    model = read_architecture(catalogue(rule_files())["llama-3.2-1b"].config, where="llama-3.2-1b")
    case = Case(model, Run(technique=technique, micro_batch=1, seq_len=512, checkpointing=True))

    def changed(**changes: int) -> Case:
        return Case(model, msgspec.structs.replace(case.run, **changes))

    capacity = 16 * GIB
    batch, length = max_micro_batch(case, of_each_phase, capacity), max_seq_len(case, of_each_phase, capacity)
    assert batch >= 1
    assert allocated_bytes(changed(micro_batch=batch)) <= capacity < allocated_bytes(changed(micro_batch=batch + 1))
    assert allocated_bytes(changed(seq_len=length)) <= capacity < allocated_bytes(changed(seq_len=length + 1))
    assert max_seq_len(case, of_each_phase, capacity, limit=length - 1) == length - 1


@pytest.mark.parametrize(
    ("name", "capacity"), [("mistral-7b-v0.1", 79), ("mistral-7b-v0.1", 15.5), ("gemma-3-1b", 8), ("gemma-3-1b", 2.24)]
)
@pytest.mark.parametrize("kernel", ["flash", "math"])
def test_a_length_on_the_other_side_of_the_window_is_judged_as_it_will_run(
    name: str, capacity: float, kernel: str
) -> None:
    model = read_architecture(catalogue(rule_files())[name].config, where=name)
    run = Run(technique="lora", micro_batch=1, seq_len=64, kernel=kernel, checkpointing=True, masks_windows=True)

    def needs(length: int) -> int:
        return allocated_bytes(Case(model, msgspec.structs.replace(run, seq_len=length)))

    most = int(capacity * GIB)
    found = {length: max_seq_len(Case(model, msgspec.structs.replace(run, seq_len=length)), of_each_phase, most)
             for length in (64, 100_000)}  # fmt: skip
    assert len(set(found.values())) == 1
    assert found[64] >= 1
    assert needs(found[64]) <= most < needs(found[64] + 1)
    assert max(needs(length) for length in range(1, found[64], 97)) <= most


def test_nothing_fits_where_the_weights_alone_do_not() -> None:
    model = read_architecture(catalogue(rule_files())["llama-3.1-70b"].config, where="llama-3.1-70b")
    case = Case(model, Run(technique="full", micro_batch=1, seq_len=1))
    assert max_micro_batch(case, of_each_phase, 16 * GIB) == 0
