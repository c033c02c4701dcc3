"""A config.json is read, or refused with every value that no model has."""

from __future__ import annotations

from typing import Any

import pytest

from service.errors import TuneGateError
from service.models.architecture import read_architecture

LLAMA = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 4, "vocab_size": 1000}  # fmt: skip
GEMMA = LLAMA | {"model_type": "gemma3_text", "sliding_window": 16}
QWEN = LLAMA | {"model_type": "qwen2", "sliding_window": 16, "use_sliding_window": True}


@pytest.mark.parametrize(
    ("config", "seen", "allowed"),
    [
        (LLAMA | {"num_hidden_layers": 10**6}, ("num_hidden_layers", "1000000"), "1 to 1000"),
        (LLAMA | {"hidden_size": 10**8}, ("hidden_size", "100000000"), "1 to 1000000"),
        (LLAMA | {"max_position_embeddings": "512"}, ("max_position_embeddings", "'512'"), "1 to 100000000"),
        (GEMMA | {"layer_types": ["full_attention"] * 50}, ("layer_types", "'50 entries'"), "a list of 2,"),
        (GEMMA | {"layer_types": ["full_attention", "x"]}, ("layer_types", "'2 entries'"), "sliding_attention or"),
        (GEMMA | {"layer_types": 5}, ("layer_types", "5"), "a list of 2,"),
        (GEMMA | {"sliding_window_pattern": "x"}, ("sliding_window_pattern", "'x'"), "1 to"),
        (QWEN | {"max_window_layers": -50}, ("max_window_layers", "-50"), "0 to"),
    ],
)
def test_a_value_that_no_model_has_is_named(config: dict[str, Any], seen: tuple[str, str], allowed: str) -> None:
    with pytest.raises(TuneGateError) as caught:
        read_architecture(config, where="a model")
    (error,) = caught.value.errors
    assert (error.where, error.seen) == seen
    assert allowed in str(error.allowed)


@pytest.mark.parametrize(
    ("config", "windowed"),
    [
        (LLAMA | {"max_window_layers": -50, "layer_types": 5}, 0),
        (GEMMA, 2),
        (GEMMA | {"sliding_window_pattern": 2}, 1),
        (GEMMA | {"sliding_window_pattern": 1}, 0),
        (GEMMA | {"layer_types": ["full_attention", "sliding_attention"]}, 1),
        (QWEN | {"max_window_layers": 1}, 1),
        (QWEN | {"max_window_layers": 28}, 0),
        (LLAMA | {"model_type": "mistral", "layer_types": ["full_attention"] * 2}, 2),
    ],
)
def test_the_layers_with_a_window_are_those_that_transformers_gives_one(config: dict[str, Any], windowed: int) -> None:
    assert read_architecture(config, where="a model").windowed_layers == windowed
