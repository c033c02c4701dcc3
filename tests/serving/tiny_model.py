"""A model of a few thousand weights that trains, exports and answers in seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
# random weights of a size that gives texts of many words, greedily too
_MAKE = """
import sys; sys.path.insert(0, sys.argv[1])
import make_base_model as maker
maker.VOCABULARY = 330
tokenizer = maker.train_tokenizer(["What about the quokka? The quokka is here, \u00e9t\u00e9 \u4f60\u597d."] * 9)
import torch; torch.manual_seed(3)
from transformers import Phi3Config, Phi3ForCausalLM
config = Phi3Config(
    vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, original_max_position_embeddings=256, initializer_range=0.3,
    pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
)
Phi3ForCausalLM(config).save_pretrained(sys.argv[2])
tokenizer.save_pretrained(sys.argv[2])
"""


def make_tiny(folder: Path) -> None:
    """Put it into a folder."""
    subprocess.run([sys.executable, "-c", _MAKE, str(DESK), str(folder)], check=True, capture_output=True)
