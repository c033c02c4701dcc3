"""Memory that is measured where the service runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

TINY = {
    "model_type": "llama", "vocab_size": 200, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 2,
}  # fmt: skip
ASKED = {"model": TINY, "techniques": ["lora"], "micro_batch": 1, "seq_len": 16, "tier": "measured"}


def test_a_service_measures_what_it_has(serve: Callable[..., Any], tmp_path: Path) -> None:
    server = serve(tmp_path, CUDA_VISIBLE_DEVICES="-1", OMP_NUM_THREADS="1", PATH=os.environ["PATH"])
    try:
        server.refused(server.http.post("/v1/estimates", json=ASKED), 422, "missing_gpu")
        answer = server.http.post("/v1/estimates", json=ASKED | {"gpu": "cpu"})
        assert answer.status_code == 201
        found = answer.json()
        assert (found["evidence"], found["fits"][0]["gpu"]) == ("measured", "cpu")
        assert server.http.get(f"/v1/estimates/{found['id']}").json() == found
    finally:
        server.stop()
