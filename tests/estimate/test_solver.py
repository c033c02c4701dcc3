"""Bisection returns the last size that fits."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.estimate.notation import GIB, Case, Run
from service.estimate.phases import allocated_bytes
from service.estimate.solver import largest, max_micro_batch, max_seq_len
from service.models.architecture import read_architecture
from service.models.catalogue import catalogue


@given(st.integers(0, 500), st.integers(1, 400))
def test_the_largest_number_below_a_threshold_is_found(threshold: int, limit: int) -> None:
    assert largest(lambda number: number <= threshold, limit=limit) == min(threshold, limit)


@pytest.mark.parametrize("technique", ["full", "lora", "qlora"])
def test_the_answer_fits_and_one_more_does_not(technique: str) -> None:
    model = read_architecture(catalogue(rule_files())["llama-3.2-1b"].config, where="llama-3.2-1b")
    case = Case(model, Run(technique=technique, micro_batch=1, seq_len=512, checkpointing=True))

    def fits(one: Case) -> bool:
        return allocated_bytes(one) <= 16 * GIB

    def changed(**changes: int) -> Case:
        return Case(model, msgspec.structs.replace(case.run, **changes))

    batch, length = max_micro_batch(case, fits), max_seq_len(case, fits)
    assert batch >= 1
    assert fits(changed(micro_batch=batch))
    assert not fits(changed(micro_batch=batch + 1))
    assert fits(changed(seq_len=length))
    assert not fits(changed(seq_len=length + 1))


def test_nothing_fits_where_the_weights_alone_do_not() -> None:
    model = read_architecture(catalogue(rule_files())["llama-3.1-70b"].config, where="llama-3.1-70b")
    case = Case(model, Run(technique="full", micro_batch=1, seq_len=1))
    assert max_micro_batch(case, lambda one: allocated_bytes(one) <= 16 * GIB) == 0
