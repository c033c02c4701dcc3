"""Packing: a law of the bins, and on three architectures the numbers of every row alone."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, LlamaConfig, MambaConfig, Phi3Config, Qwen2Config

from trainers.evaluation import padded
from trainers.labels import IGNORED, LabelledRow
from trainers.problems import TrainerError
from trainers.training.batches import longest, packing_note
from trainers.training.packing import best_fit, packed, require_packing

SIZES = (5, 19, 7, 11, 4, 23)
SHAPE = {"vocab_size": 97, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
         "max_position_embeddings": 128}  # fmt: skip
CONFIGS: dict[str, Any] = {
    "phi3": Phi3Config(**SHAPE, original_max_position_embeddings=128),
    "phi3 with a sliding window": Phi3Config(**SHAPE, original_max_position_embeddings=128, sliding_window=6),
    "llama": LlamaConfig(**SHAPE),
    "qwen2": Qwen2Config(**SHAPE),
}


def rows_of(*sizes: int) -> list[LabelledRow]:
    chance = random.Random(1)
    made = []
    for size in sizes:
        ids = [chance.randrange(3, 97) for _ in range(size)]
        made.append(LabelledRow(ids, [IGNORED] * 2 + ids[2:]))
    return made


ROWS = rows_of(*SIZES)


def tiny(config: Any, attention: str) -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    model.config.use_cache = False  # as the Trainer sets it
    return model.eval()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(40, 120))
def test_every_row_is_in_one_sequence_none_too_full_and_no_two_would_fit_together(
    lengths: list[int], capacity: int
) -> None:
    sequences = best_fit(lengths, capacity)
    assert sorted(index for one in sequences for index in one) == list(range(len(lengths)))
    fills = sorted(sum(lengths[index] for index in one) for one in sequences)
    assert fills[-1] <= capacity
    assert len(fills) < 2 or fills[0] + fills[1] > capacity
    assert sequences == best_fit(lengths, capacity)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_packed_row_has_the_logits_loss_and_gradients_of_the_row_alone(name: str, attention: str) -> None:
    model = tiny(CONFIGS[name], attention)
    require_packing(model, ROWS, pad_id=0)
    for capacity in (longest(ROWS), None):
        batch = packed(ROWS, pad_id=0, capacity=capacity)
        assert batch["input_ids"].shape[0] < len(ROWS)
        _same_logits(model, batch)
        _same_gradients(model, batch)


def _same_logits(model: Any, batch: Any) -> None:
    with torch.no_grad():
        together = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits
        for row in ROWS:
            alone = model(input_ids=torch.tensor([row.input_ids])).logits[0]
            sequence, start = _place(batch, row)
            assert (together[sequence, start : start + len(alone)] - alone).abs().max() <= 1e-5


def _place(batch: Any, row: LabelledRow) -> tuple[int, int]:
    for sequence, ids in enumerate(batch["input_ids"].tolist()):
        for start in range(len(ids) - len(row.input_ids) + 1):
            if ids[start : start + len(row.input_ids)] == row.input_ids:
                assert batch["position_ids"][sequence, start] == 0
                return sequence, start
    raise AssertionError("the row is in no sequence")


def _same_gradients(model: Any, batch: Any) -> None:
    found = []
    for one in (padded(ROWS, 0), batch):
        model.zero_grad()
        loss = model(**one).loss
        loss.backward()
        found.append((loss.detach(), torch.cat([p.grad.flatten() for p in model.parameters()])))
    assert (found[0][0] - found[1][0]).abs() <= 1e-5
    assert (found[0][1] - found[1][1]).abs().max() <= 1e-6
    assert found[0][1].abs().max() > 1e-3


def test_no_row_predicts_the_first_token_of_the_next_even_if_it_is_labelled() -> None:
    rows = [LabelledRow([5, 6, 7], [5, 6, 7]), LabelledRow([8, 9], [8, 9])]
    batch = packed(rows, pad_id=0, capacity=8)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7, IGNORED, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    counted = padded(rows, 0)["labels"][:, 1:].ne(IGNORED).sum()
    assert batch["labels"][:, 1:].ne(IGNORED).sum() == counted


def test_a_model_whose_state_runs_through_the_sequence_is_refused() -> None:
    config = MambaConfig(vocab_size=97, hidden_size=32, num_hidden_layers=2, state_size=4)
    with pytest.raises(TrainerError, match="rows in one sequence see one another"):
        require_packing(AutoModelForCausalLM.from_config(config), ROWS, pad_id=0)


def test_what_packing_saves_is_said_with_the_rows_per_step() -> None:
    note = packing_note(rows_of(10, 40, 20, 10), batch_size=8, micro_batch=4)
    assert note == (
        "packing: 8 rows per step as without it, 4 per forward pass in about 2.0 sequences; padding 0% instead of 50%"
    )
