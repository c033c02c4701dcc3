"""The BERT-style base model of the example: a WordPiece tokenizer and a short pre-training on masked words.

It is made by `make_base_model.py OUT --encoder` in some ten seconds. It has read the plain sentences of the desk, the
questions of the validation rows among them, but no label and no tag.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from make_dataset import capital, topics
from make_labelled import NAMES, PATTERNS, tagged

VOCABULARY = 600
TOKENS = 64
BATCH = 32
STEPS = 240
PEAK_RATE = 3e-3
WARMUP = 20
MASKED = 0.15  # as BERT has it: of these 80 % masked, 10 % another token, 10 % left
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_TAGGED_SENTENCES = 400
_IGNORED = -100


def sentences(seed: int) -> list[str]:
    """Questions, facts and sentences with names of things, in a fixed order for a seed."""
    chance = random.Random(seed)
    found = []
    for topic in topics():
        for value in topic["x"]:
            patterns = (*topic["questions"], *topic["plain"], topic["answer"], *topic["steps"])
            found += [capital(one.format(x=value)) for one in patterns]
    known = {kind: names[:-2] for kind, names in NAMES.items()}
    found += [" ".join(tagged(chance.choice(PATTERNS), known, chance)["tokens"]) for _ in range(_TAGGED_SENTENCES)]
    chance.shuffle(found)
    return found


def train_tokenizer(texts: list[str]) -> Any:
    """WordPiece over lower-cased words, as BERT's."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False)
    )
    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", start), ("[SEP]", end)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=TOKENS,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip


def new_model(tokenizer: Any) -> Any:
    """BERT of half a million parameters, fp32, random weights."""
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=256, max_position_embeddings=TOKENS, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


def pretrain(model: Any, tokenizer: Any, texts: list[str], *, steps: int, seed: int) -> float:
    """Guess masked tokens; returns the last loss (nats per masked token)."""
    import torch

    chance = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    model.train()
    loss = torch.tensor(0.0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * min((step + 1) / WARMUP, max(0.05, 1 - step / steps))
        picked = torch.randint(len(texts), (BATCH,), generator=chance).tolist()
        batch = tokenizer([texts[one] for one in picked], padding=True, return_tensors="pt")
        ids, labels = masked(batch["input_ids"], tokenizer, chance)
        loss = model(input_ids=ids, attention_mask=batch["attention_mask"], labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 60 == 0 or step == steps - 1:
            print(f"  pre-training step {step + 1}/{steps}, loss {loss.item():.3f}", file=sys.stderr, flush=True)
    return float(loss.item())


def masked(ids: Any, tokenizer: Any, chance: Any) -> tuple[Any, Any]:
    """(ids with some tokens hidden or changed, the tokens that stood there and -100 elsewhere)."""
    import torch

    special = torch.tensor(tokenizer.all_special_ids)
    chosen = (torch.rand(ids.shape, generator=chance) < MASKED) & ~torch.isin(ids, special)
    chosen[0, 1] = True  # never a batch without any
    how = torch.rand(ids.shape, generator=chance)
    other = torch.randint(len(SPECIAL), len(tokenizer), ids.shape, generator=chance)
    shown = torch.where(how < 0.8, torch.tensor(tokenizer.mask_token_id), torch.where(how < 0.9, other, ids))
    return torch.where(chosen, shown, ids), torch.where(chosen, ids, torch.tensor(_IGNORED))
