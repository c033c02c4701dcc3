"""Greedy decoding through the cache on one thread: our ONNX files against PyTorch eager, in one process.

Run: python benchmarks/onnx_speed.py [ROUNDS]. The model is made on the spot: Llama, 57 million parameters, random
weights (the arithmetic does not know). Each round decodes the same number of tokens by each engine in turn; the CPU
seconds of this process count, so that other work on the machine does not, and the median ratio is the figure.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import contextlib
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "library-desk"))

from trainers.onnx import builder
from trainers.onnx.graph import OnnxCausalLM

PROMPT_TOKENS = 32
NEW_TOKENS = 64
# precision -> how many times as fast as PyTorch it should be at least
GOALS = {"fp32": 2.0, "int8": 4.0, "int4": 4.0}
SIZES = {
    "vocab_size": 8192, "hidden_size": 640, "intermediate_size": 1792, "num_hidden_layers": 10,
    "num_attention_heads": 10, "num_key_value_heads": 5, "max_position_embeddings": 512,
}  # fmt: skip

Decode = Callable[[list[int]], object]


def make_model(folder: Path) -> int:
    """A folder as a trainer's merge leaves it; returns the number of parameters."""
    import make_base_model as maker
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = maker.train_tokenizer(["The quick brown fox jumps over the lazy dog."])
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            **SIZES, bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(one.numel() for one in model.parameters())


def by_torch(folder: Path) -> Decode:
    """Eager attention with its own cache."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()

    def decode(ids: list[int]) -> None:
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([ids]), use_cache=True)
            for _ in range(NEW_TOKENS):
                token = out.logits[:, -1:].argmax(-1)
                out = model(input_ids=token, past_key_values=out.past_key_values, use_cache=True)

    return decode


def by_onnx(folder: Path) -> Decode:
    """The same number of steps in plain onnxruntime."""
    onnx = OnnxCausalLM(folder, threads=1)

    def decode(ids: list[int]) -> None:
        logits, tokens = onnx.start(ids)
        for _ in range(NEW_TOKENS):
            logits, tokens = onnx.step(int(logits[-1].argmax()), tokens)

    return decode


def build(merged: Path, place: Path, precision: str) -> Path:
    folder = place / precision
    folder.mkdir()
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        builder.build(merged, folder, precision, "cpu")
    return folder


def cpu_seconds(decode: Decode, ids: list[int]) -> float:
    started = time.process_time()
    decode(ids)
    return time.process_time() - started


def main(rounds: int) -> None:
    """Print the ratios with their conditions."""
    ids = list(range(100, 100 + PROMPT_TOKENS))
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        parameters = make_model(place / "merged")
        folders = {precision: build(place / "merged", place, precision) for precision in GOALS}
        engines: dict[str, Decode] = {"torch": by_torch(place / "merged")}
        engines |= {precision: by_onnx(folder) for precision, folder in folders.items()}
        for decode in engines.values():
            decode(ids)  # the first call also allocates
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(rounds):
            for engine, decode in engines.items():
                times[engine].append(cpu_seconds(decode, ids))
        sizes = {
            name: sum(one.stat().st_size for one in folder.glob("model.onnx*")) for name, folder in folders.items()
        }
    report(parameters, times, sizes, rounds)


def report(parameters: int, times: dict[str, list[float]], sizes: dict[str, int], rounds: int) -> None:
    versions: dict[str, Any] = {}
    for library in ("onnxruntime", "torch"):
        versions[library] = __import__(library).__version__
    print(f"greedy decoding, {parameters / 1e6:.0f} M parameters, {PROMPT_TOKENS} + {NEW_TOKENS} tokens, one thread,")
    print(f"median of {rounds} rounds; {', '.join(f'{name} {version}' for name, version in versions.items())},")
    print(f"Python {platform.python_version()}, {platform.machine()}")
    for precision, goal in GOALS.items():
        ratios = sorted(slow / fast for slow, fast in zip(times["torch"], times[precision], strict=True))
        verdict = "reached" if median(ratios) >= goal else "MISSED"
        print(
            f"  {precision:<5} {median(ratios):.1f} x torch eager ({ratios[0]:.1f} to {ratios[-1]:.1f}), "
            f"goal {goal:g} {verdict}; {sizes[precision] / 1e6:.0f} MB"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
