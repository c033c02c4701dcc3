"""Makes the small base model that stands where a hub model would: `python make_base_model.py OUT [--seed 7]`.

A byte-level BPE tokenizer is trained in-process on text made from topics.toml, a Phi-3 architecture of about two
million parameters is pre-trained for a minute or two on plain sentences and plain, friendly chats (never in the
house style), and saved as an ordinary model folder: config.json, model.safetensors, tokenizer, chat template.
The same seed gives the same weights on the same machine. OUT appears complete or not at all.
With --encoder it is a BERT-style model for classification (encoder_model.py).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import encoder_model
from make_dataset import CLOSERS, OPENERS, SYSTEM, TOOL, capital, plain_answer, topics

# must differ from every linear layer's width: the ONNX builder takes a layer as wide as the vocabulary for the head
VOCABULARY = 1000
SPECIAL = ["<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>"]
STEPS = 240
BATCH = 16
TOKENS = 160
PEAK_RATE = 3e-3
WARMUP = 20
# every turn ends with <|end|>, and what is rendered for a prefix of the messages is a prefix of the whole
TEMPLATE = """\
{%- for message in messages -%}
{{ '<|' + message['role'] + '|>\\n' }}
{%- if loop.first and tools -%}{{ 'Tools: ' + (tools | tojson) + '\\n' }}{%- endif -%}
{%- if message.get('content') -%}{{ message['content'] }}{%- endif -%}
{%- if message.get('tool_calls') -%}
{%- for call in message['tool_calls'] -%}
{{ 'call ' + call['function']['name'] + ' ' + call['function']['arguments'] }}
{%- endfor -%}
{%- endif -%}
{{ '<|end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}"""


def corpus(seed: int) -> list[str]:
    """Plain chats and sentences, as rendered text, in a fixed order for a seed."""
    chance = random.Random(seed)
    texts = []
    for topic in topics():
        for value in topic["x"]:
            for question in topic["questions"]:
                for plain in topic["plain"]:
                    asked, fact = capital(question.format(x=value)), plain.format(x=value)
                    texts.append(_chat(asked, plain_answer(fact, chance), chance))
                    texts.append(f"{asked} {capital(fact)}.\n")
            sentences = (topic["answer"], *topic["steps"])
            texts.extend(capital(sentence.format(x=value)) + ".\n" for sentence in sentences)
    texts.extend(_lookup(number, chance) for number in range(1, 61))
    chance.shuffle(texts)
    return texts


def train_tokenizer(texts: list[str]) -> Any:
    """Byte-level BPE with the turn markers as special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast


def new_model(tokenizer: Any) -> Any:
    """Phi-3 architecture with grouped queries, fp32, random weights."""
    from transformers import Phi3Config, Phi3ForCausalLM

    config = Phi3Config(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        original_max_position_embeddings=1024,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )
    return Phi3ForCausalLM(config)


def pretrain(model: Any, tokenizer: Any, texts: list[str], *, steps: int, seed: int) -> float:
    """Next-token prediction on packed windows; returns the last loss (nats per token)."""
    import torch

    stream = torch.tensor([token for text in texts for token in tokenizer(text, add_special_tokens=False)["input_ids"]])
    windows = len(stream) - TOKENS - 1
    chance = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    model.train()
    for step in range(steps):
        rate = PEAK_RATE * min((step + 1) / WARMUP, max(0.05, 1 - step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(windows, (BATCH,), generator=chance)
        batch = torch.stack([stream[start : start + TOKENS] for start in starts])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 60 == 0 or step == steps - 1:
            print(f"  pre-training step {step + 1}/{steps}, loss {loss.item():.3f}", file=sys.stderr, flush=True)
    return float(loss.item())


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """The folder appears under its name once it is complete."""
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        if model.can_generate():
            model.generation_config.eos_token_id = tokenizer.eos_token_id
            model.generation_config.pad_token_id = tokenizer.pad_token_id
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        for path in partial.iterdir():
            path.chmod(0o644)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def main(argv: list[str]) -> int:
    """Make OUT, or leave it alone when it is there already."""
    parser = argparse.ArgumentParser(description="Make the small base model of the example.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, help="of pre-training")
    parser.add_argument("--encoder", action="store_true", help="a BERT-style model, for classification")
    options = parser.parse_args(argv)
    if (options.out / "model.safetensors").exists():
        print(f"{options.out} is there already", file=sys.stderr)
        return 0
    if options.out.exists():
        print(f"{options.out} exists and is not a base model; name another folder", file=sys.stderr)
        return 2
    from transformers import set_seed

    set_seed(options.seed)
    here = encoder_model if options.encoder else sys.modules[__name__]
    texts = encoder_model.sentences(options.seed) if options.encoder else corpus(options.seed)
    tokenizer = here.train_tokenizer(texts)
    model = here.new_model(tokenizer)
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"  {len(texts)} texts, {len(tokenizer)} tokens, {size / 1e6:.1f} M parameters", file=sys.stderr, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    here.pretrain(model, tokenizer, texts, steps=options.steps or here.STEPS, seed=options.seed)
    save(model, tokenizer, options.out)
    return 0


def _chat(question: str, answer: str, chance: random.Random) -> str:
    system = chance.choice([SYSTEM, "You are a friendly assistant.", "Answer the question."])
    return f"<|system|>\n{system}<|end|>\n<|user|>\n{question}<|end|>\n<|assistant|>\n{answer}<|end|>\n"


def _lookup(number: int, chance: random.Random) -> str:
    import json

    copies = chance.randint(1, 6)
    return (
        f"<|system|>\nTools: {json.dumps([TOOL])}\n{SYSTEM}<|end|>\n"
        f'<|user|>\nHow many copies of item {number} are there?<|end|>\n<|assistant|>\ncall find_item {{"item": '
        f'"item {number}"}}<|end|>\n<|tool|>\n{{"copies": {copies}}}<|end|>\n<|assistant|>\n'
        f"{chance.choice(OPENERS)} we have {copies} copies. {chance.choice(CLOSERS)}<|end|>\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
