"""A tiny model with its data, made once for the tests that train on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from service.cli.app import run

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
_MAKE = """
import sys; sys.path.insert(0, sys.argv[1])
import make_base_model as maker
maker.VOCABULARY = 330
tokenizer = maker.train_tokenizer(["What about the quokka? The quokka is here."] * 9)
import torch; torch.manual_seed(int(sys.argv[3]))
from transformers import Phi3Config, Phi3ForCausalLM
config = Phi3Config(
    vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, original_max_position_embeddings=256,
    pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
)
Phi3ForCausalLM(config).save_pretrained(sys.argv[2])
tokenizer.save_pretrained(sys.argv[2])
"""


class Tiny(msgspec.Struct, frozen=True):
    """A folder with `base`, `train.jsonl`, `more.jsonl` and `held-out.jsonl`."""

    place: Path

    @property
    def fast(self) -> list[str]:
        """Little to measure, and rows that no linter would pass."""
        return ["--max-new-tokens", "4", "--batch-size", "4", "--save-steps", "3",
                "--override", "lint_errors=tiny", "--override", "pii_findings=tiny"]  # fmt: skip

    def options(self, data: str = "train.jsonl") -> list[str]:
        """Of `plan` and `train`; the validation rows are always the same."""
        files = ["--data", str(self.place / data), "--validation", str(self.place / "held-out.jsonl")]
        return [*files, *self.fast]

    def make_base(self, folder: Path, seed: int) -> Path:
        """Another model of the same kind."""
        return make_base(folder, seed)

    def train(self, out: Path, *arguments: str, data: str = "train.jsonl") -> int:
        """The exit code of `tunegate train` without ONNX."""
        return run(["train", *self.options(data), "--onnx", "none", *arguments, "-o", str(out)])


def make_base(folder: Path, seed: int = 0) -> Path:
    """A random Phi-3 with the example's tokenizer, made in a process of its own to keep this one small."""
    subprocess.run([sys.executable, "-c", _MAKE, str(DESK), str(folder), str(seed)], check=True, capture_output=True)
    return folder


def write_rows(path: Path, numbers: range, answer: str = "is here") -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What about the quokka {n}?"},
                {"role": "assistant", "content": f"The quokka {n} {answer}."},
            ]
        }
        for n in numbers
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    place = tmp_path_factory.mktemp("tiny")
    make_base(place / "base")
    write_rows(place / "train.jsonl", range(16))
    write_rows(place / "more.jsonl", range(16, 32), answer="is not here")
    write_rows(place / "held-out.jsonl", range(40, 48))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield Tiny(place)
