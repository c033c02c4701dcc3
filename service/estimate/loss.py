"""Logits and loss: with checkpointing the largest part of most steps."""

from __future__ import annotations

from service.estimate.notation import Case

SOURCE = "transformers 5.23.0 loss/loss_utils.py (logits in fp32)"

# chunked: assumed tokens per chunk; no measurement supports this loss yet
CHUNK_TOKENS = 1024


def kept_logits(case: Case) -> int:
    """K: logits that stay alive through backward because the caller keeps the outputs."""
    if not case.run.keep_logits or case.run.loss == "fused":
        return 0
    return case.tokens * case.e * case.model.vocabulary


def forward_bytes(case: Case) -> int:
    """The logits, their fp32 copy where they are not fp32 themselves, and the log-softmax."""
    if case.run.loss != "hf":
        return loss_bytes(case)
    copy = 4 if case.e == 2 else 0
    return case.tokens * case.model.vocabulary * (case.e + copy + 4) + capped_logits(case)


def loss_bytes(case: Case) -> int:
    """Everything at the loss: fp32 log-softmax, two fp32 gradients, and the logits if they are kept."""
    vocabulary, tokens = case.model.vocabulary, case.tokens
    if case.run.loss == "fused":
        share = min(tokens, -(-tokens * case.model.hidden // vocabulary))
        return case.e * vocabulary * share
    unchunked = tokens if case.run.loss == "hf" else min(tokens, CHUNK_TOKENS)
    return unchunked * 12 * vocabulary + kept_logits(case) + capped_logits(case)


def capped_logits(case: Case) -> int:
    """The tanh of the logits, which its own gradient needs."""
    return case.tokens * case.e * case.model.vocabulary if case.model.caps_logits else 0
