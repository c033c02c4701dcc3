"""The builder's folder in onnxruntime-genai: it opens, renders and tokenises prompts alike, and answers alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainers.contract import GenaiResult
from trainers.onnx.graph import OnnxCausalLM
from trainers.onnx.reference import TOKENS, Prompt, Reference


def check(folder: Path, reference: Reference, onnx: OnnxCausalLM) -> GenaiResult:
    """Compare with transformers' token ids and with the same graph's answers in plain onnxruntime."""
    import onnxruntime_genai as og

    try:
        config = og.Config(str(folder))
        config.clear_providers()  # a folder built for a GPU opens on the CPU then
        model = og.Model(config)
        tokenizer = og.Tokenizer(model)
        prompts_equal = sum(_ids(tokenizer, prompt) == prompt.ids for prompt in reference.prompts)
        compared = equal = 0
        for prompt in reference.prompts:
            wanted = onnx.generate(prompt.ids, max_new_tokens=TOKENS)
            got = _answer(og, model, prompt.ids, len(wanted))
            compared += len(wanted)
            equal += sum(left == right for left, right in zip(wanted, got, strict=False))
    except (RuntimeError, ValueError, TypeError) as error:  # its own errors are plain RuntimeErrors
        return GenaiResult(verified=False, why=f"onnxruntime-genai refuses the folder ({type(error).__name__})")
    why = []
    if prompts_equal < len(reference.prompts):
        why.append("its chat template or tokenizer gives other token ids than transformers': render with transformers")
    if equal < compared:
        why.append("its greedy tokens differ from plain onnxruntime's")
    return GenaiResult(
        verified=not why,
        why="; ".join(why) or None,
        greedy_tokens_compared=compared,
        greedy_tokens_equal=equal,
        prompts_compared=len(reference.prompts),
        prompts_equal=prompts_equal,
    )


def _ids(tokenizer: Any, prompt: Prompt) -> list[int]:
    messages = [{key: value for key, value in message.items() if key != "weight"} for message in prompt.messages]
    more = {"tools": json.dumps(prompt.tools)} if prompt.tools else {}
    text = tokenizer.apply_chat_template(json.dumps(messages), add_generation_prompt=True, **more)
    return [int(one) for one in tokenizer.encode(text)]


def _answer(og: Any, model: Any, ids: list[int], length: int) -> list[int]:
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=len(ids) + length, do_sample=False)
    generator = og.Generator(model, parameters)
    generator.append_tokens(ids)
    answer: list[int] = []
    while not generator.is_done() and len(answer) < length:
        generator.generate_next_token()
        answer.append(int(generator.get_next_tokens()[0]))
    return answer
