"""Hours: published trainings lie in the band, and the band moves the right way."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.data import rule_files
from service.estimate.amounts import Data, amounts
from service.estimate.flops import work_of
from service.estimate.hardware import hardware_table
from service.estimate.notation import Run
from service.estimate.throughput import Job, hours
from service.models.architecture import read_architecture
from service.models.catalogue import catalogue
from service.models.matmuls import matmuls_of
from service.records.cost import Range
from trainers.training.packing import best_fit

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "time_accuracy.py"
MODEL = read_architecture(catalogue(rule_files())["llama-3.2-1b"].config, where="llama-3.2-1b")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("time_accuracy", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def predicted(data: Data, *, tflops: float = 312.0, **run: Any) -> Range:
    values: dict[str, Any] = {"technique": "lora", "micro_batch": 1, "seq_len": 2048, **run}
    chosen = Run(**values)
    least, most = amounts(data, chosen)
    return hours(
        Job(
            work=work_of(matmuls_of(MODEL), chosen),
            least=least,
            most=most,
            layers=MODEL.layers,
            quantised=chosen.technique == "qlora",
            devices=chosen.gpus,
            tflops=tflops,
        )
    )


def data_of(rows: int | None, tokens: int, epochs: int = 3) -> Data:
    return Data(rows=rows, tokens_low=tokens, tokens_high=tokens, epochs=epochs)


def test_nine_of_ten_published_trainings_lie_in_the_band() -> None:
    found = load().rows()
    assert len(found) == 101
    assert sum(row.inside for row in found) >= 0.9 * len(found)
    # a band that holds everything because it is wide says nothing
    assert all(row.predicted.high <= 9 * row.predicted.low for row in found)
    assert all(row.measured > 0 and 0 < row.utilisation < 0.9 for row in found)


runs = st.fixed_dictionaries(
    {
        "technique": st.sampled_from(("full", "lora", "qlora", "dora", "prompt")),
        "micro_batch": st.integers(1, 16),
        "seq_len": st.integers(16, 8192),
        "padded": st.booleans(),
        "checkpointing": st.booleans(),
        "kernel": st.sampled_from(("flash", "efficient", "math", "eager")),
        "gpus": st.integers(1, 16),
        "virtual_tokens": st.integers(0, 20),
    }
)
sizes = st.tuples(st.one_of(st.none(), st.integers(1, 10_000)), st.integers(1, 5_000_000))


def not_less(more: Range, less: Range) -> bool:
    return all(getattr(more, end) >= getattr(less, end) * (1 - 1e-12) for end in ("low", "mid", "high"))


@settings(max_examples=150, derandomize=True)
@given(runs, sizes, st.integers(1, 100_000), st.integers(1, 5))
def test_more_tokens_or_epochs_never_take_less(run: dict[str, Any], size: Any, tokens: int, epochs: int) -> None:
    rows, some = size
    less = predicted(data_of(rows, some), **run)
    assert not_less(predicted(data_of(rows, some + tokens), **run), less)
    assert not_less(predicted(data_of(rows, some, 3 + epochs), **run), less)


@settings(max_examples=150, derandomize=True)
@given(runs, sizes, st.integers(1, 64))
def test_more_devices_or_faster_ones_never_take_longer(run: dict[str, Any], size: Any, more: int) -> None:
    data = data_of(*size)
    few = predicted(data, **run)
    assert not_less(few, predicted(data, **{**run, "gpus": run["gpus"] + more}))
    assert not_less(few, predicted(data, tflops=989.4, **run))


@settings(max_examples=150, derandomize=True)
@given(runs, sizes)
def test_a_band_contains_its_middle(run: dict[str, Any], size: Any) -> None:
    found = predicted(data_of(*size), **run)
    assert 0 < found.low <= found.mid <= found.high


@settings(max_examples=150, derandomize=True)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=40), st.integers(1, 8), st.randoms(use_true_random=False))
def test_no_order_of_the_rows_pads_more_than_the_bound(lengths: list[int], batch: int, order: Any) -> None:
    order.shuffle(lengths)
    batches = [lengths[at : at + batch] for at in range(0, len(lengths), batch)]
    run = Run(technique="full", micro_batch=batch, seq_len=max(lengths), padded=True)
    real_tokens = sum(len(one) * max(one) for one in batches)
    real_pairs = sum(len(one) * max(one) ** 2 for one in batches)
    plain = data_of(len(lengths), sum(lengths), 1)
    bins = tuple(((1 << place) - 1, sum(one.bit_length() == place for one in lengths)) for place in range(1, 11))
    for data in (plain, msgspec.structs.replace(plain, lengths=bins)):
        least, most = amounts(data, run)
        assert least.tokens <= real_tokens <= most.tokens
        assert least.pairs <= real_pairs * (1 + 1e-12)
        assert real_pairs <= most.pairs
        assert least.passes == most.passes == len(batches)


@settings(max_examples=150, derandomize=True)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=40), st.integers(1, 8), st.booleans())
def test_no_rows_leave_more_room_in_packed_sequences_than_the_bound(
    lengths: list[int], batch: int, varlen: bool
) -> None:
    """Held against the trainer's own packing."""
    passes = [lengths[at : at + batch] for at in range(0, len(lengths), batch)]
    run = Run(
        technique="full", micro_batch=batch, seq_len=max(lengths), padded=True, packed=True,
        kernel="flash" if varlen else "efficient",
    )  # fmt: skip
    sequences = [max(one) for one in passes for _ in best_fit(one, max(one))]
    real_tokens, real_pairs = sum(sequences), sum(length**2 for length in sequences)
    if varlen:
        real_tokens, real_pairs = sum(lengths), sum(length**2 for length in lengths)
    plain = data_of(len(lengths), sum(lengths), 1)
    bins = tuple(((1 << place) - 1, sum(one.bit_length() == place for one in lengths)) for place in range(1, 11))
    for data in (plain, msgspec.structs.replace(plain, lengths=bins)):
        least, most = amounts(data, run)
        assert least.tokens <= real_tokens <= most.tokens <= 2 * sum(lengths)
        assert least.pairs <= real_pairs * (1 + 1e-12)
        assert real_pairs <= most.pairs
        assert least.passes == most.passes == len(passes)
        assert most.tokens == sum(lengths) or not varlen
        padded = amounts(data, msgspec.structs.replace(run, packed=False))[1]
        assert (most.tokens, most.pairs) <= (padded.tokens, padded.pairs)


def test_one_row_at_a_time_pads_nothing_and_a_longer_limit_changes_no_token() -> None:
    for seq_len in (512, 4096):
        least, most = amounts(data_of(100, 20_000, 2), Run(technique="full", micro_batch=1, seq_len=seq_len))
        assert least.tokens == most.tokens == 40_000


def test_rows_that_are_cut_count_as_what_is_left() -> None:
    least, most = amounts(data_of(10, 20_000, 1), Run(technique="full", micro_batch=1, seq_len=1000))
    assert least.tokens == most.tokens == 10_000


def test_peaks_are_dense_and_have_their_source() -> None:
    found = {row.id: row for row in hardware_table(rule_files()).values()}
    assert found["cpu"].tflops_16bit is None
    assert (found["A100-80GB"].tflops_16bit, found["H100-80GB"].tflops_16bit) == (312, 989.4)
    for row in found.values():
        assert (row.tflops_16bit is None) == (not row.tflops_source)


@pytest.mark.parametrize("technique", ["full", "lora"])
def test_checkpointing_takes_longer_where_arithmetic_decides(technique: str) -> None:
    data, run = data_of(1000, 2_048_000), {"technique": technique, "micro_batch": 8}
    plain, again = (predicted(data, checkpointing=one, **run) for one in (False, True))
    assert plain.low < again.low
    assert plain.high < again.high
