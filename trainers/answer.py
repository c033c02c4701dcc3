"""Answers one conversation: `python -m trainers.answer --engine torch|onnx MODEL MESSAGES.json` prints JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

MAX_NEW_TOKENS = 160


def main(argv: list[str]) -> int:
    """Print {"answer": text} on stdout."""
    parser = argparse.ArgumentParser(prog="python -m trainers.answer", description=__doc__)
    parser.add_argument("--engine", choices=["torch", "onnx"], required=True)
    parser.add_argument("model", type=Path, help="a model folder (torch) or a folder with model.onnx (onnx)")
    parser.add_argument("messages", type=Path, help='JSON: {"messages": [...]} that ends before the answer')
    options = parser.parse_args(argv)
    os.environ["HF_HUB_OFFLINE"] = "1"
    conversation = json.loads(options.messages.read_text())
    engine = _torch if options.engine == "torch" else _onnx
    print(json.dumps({"answer": engine(options.model, conversation["messages"], conversation.get("tools"))}))
    return 0


def _torch(folder: Path, messages: list[dict[str, Any]], tools: list[Any] | None) -> str:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from trainers.evaluation import generate
    from trainers.labels import render

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False).eval()
    prompt = render(tokenizer, messages, tools, prompt=True)
    return generate(model, tokenizer, [prompt], max_new_tokens=MAX_NEW_TOKENS)[0]


def _onnx(folder: Path, messages: list[dict[str, Any]], tools: list[Any] | None) -> str:
    from transformers import AutoTokenizer

    from trainers.labels import render
    from trainers.onnx.graph import OnnxCausalLM

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    ids = tokenizer(render(tokenizer, messages, tools, prompt=True), add_special_tokens=False)["input_ids"]
    answer = OnnxCausalLM(folder).generate(ids, max_new_tokens=MAX_NEW_TOKENS)
    return str(tokenizer.decode(answer, skip_special_tokens=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
