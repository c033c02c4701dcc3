"""Answers of the answering process against onnxruntime-genai's own loop: greedy tokens per second, in one run.

Run: python benchmarks/chat_speed.py [ROUNDS]. The model is the one of onnx_speed.py (Llama, 57 million parameters,
random weights), built as fp32. Both sides run as processes of their own with one thread and answer the same
conversation; they take turns, and the median of the rounds' ratios is the figure. The chat side includes rendering,
tokenising, streaming every piece as a line of JSON, and reading it here; the other side is genai's documented loop on
the same token ids, with nothing decoded. Wall time counts, since the work is shared between processes: other load on
the machine widens the range.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import onnx_speed

from service.launch.answering import AnsweringProcess
from trainers.answers import Answered, Question

NEW_TOKENS = 128
GOAL = 0.9
MESSAGES = [{"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 4}]

# genai's own loop, asked over a pipe by token ids: one JSON line in, the seconds it took out
OWN_LOOP = """
import json, sys, time
import onnxruntime_genai as og

config = og.Config(sys.argv[1])
config.clear_providers()
config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": 1}}}}))
model = og.Model(config)
for line in sys.stdin:
    asked = json.loads(line)
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=len(asked["ids"]) + asked["new"], do_sample=False)
    began = time.perf_counter()
    generator = og.Generator(model, parameters)
    generator.append_tokens(asked["ids"])
    answer = []
    while not generator.is_done():
        generator.generate_next_token()
        answer.append(int(generator.get_next_tokens()[0]))
    print(json.dumps({"seconds": time.perf_counter() - began, "tokens": len(answer)}), flush=True)
"""


def own_loop(folder: Path) -> tuple[subprocess.Popen[str], Callable[[list[int]], float]]:
    """Tokens per second of one answer."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWN_LOOP, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def rate(ids: list[int]) -> float:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"ids": ids, "new": NEW_TOKENS}) + "\n")
        process.stdin.flush()
        said = json.loads(process.stdout.readline())
        return float(said["tokens"] / said["seconds"])

    return process, rate


def chat_rate(process: AnsweringProcess) -> float:
    """The same of a question, from when it is asked to when all of the answer has been read."""
    began = time.perf_counter()
    *_, last = process.answers(Question(id="q", messages=MESSAGES, max_tokens=NEW_TOKENS))
    assert isinstance(last, Answered)
    return last.completion_tokens / (time.perf_counter() - began)


def main(rounds: int) -> None:
    """Print the ratio with its conditions."""
    from transformers import AutoTokenizer

    from trainers.labels import render

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        parameters = onnx_speed.make_model(place / "merged")
        folder = onnx_speed.build(place / "merged", place, "fp32")
        tokenizer = AutoTokenizer.from_pretrained(place / "merged")
        tokenizer.save_pretrained(folder)
        ids = tokenizer(render(tokenizer, MESSAGES, None, prompt=True), add_special_tokens=False)["input_ids"]
        chat = AnsweringProcess(folder, "onnxruntime-genai", threads=1)
        process, own = own_loop(folder)
        try:
            chat.wait_ready()
            own(ids), chat_rate(chat)  # the first answer also allocates
            rates = [(own(ids), chat_rate(chat)) for _ in range(rounds)]
        finally:
            chat.close()
            process.kill()
    report(parameters, len(ids), rates)


def report(parameters: int, prompt: int, rates: list[tuple[float, float]]) -> None:
    import onnxruntime_genai

    version: Any = onnxruntime_genai.__version__
    ratios = sorted(chat / own for own, chat in rates)
    verdict = "reached" if median(ratios) >= GOAL else "MISSED"
    print(f"greedy answers, {parameters / 1e6:.0f} M parameters, fp32, {prompt} + {NEW_TOKENS} tokens, one thread,")
    print(f"median of {len(rates)} rounds; onnxruntime-genai {version}, Python {platform.python_version()},")
    print(f"{platform.machine()}")
    print(f"  genai's own loop {median(own for own, _ in rates):.1f} tokens/s, chat {median(c for _, c in rates):.1f}")
    print(f"  {median(ratios):.3f} x ({ratios[0]:.3f} to {ratios[-1]:.3f}), goal {GOAL:g} {verdict}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
