"""A small model that can be planned for and not trained: a description, and weights without a tensor."""

from __future__ import annotations

import json
from pathlib import Path

MODEL = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip


def add_base(home: Path) -> None:
    """Put it into a data folder's models, as `base`."""
    base = home / "models" / "base"
    base.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps(MODEL))
    (base / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
