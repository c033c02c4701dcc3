"""Training steps as our trainer does them, in phases that the meter tells apart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from trainers.compute import Compute
from trainers.measured import MeasurementQuestion
from trainers.measurement.phases import PhaseClock, watch_layers, watch_logits
from trainers.precision import autocast

STEPS = 3
_MAX_NORM = 1.0


class Run:
    """A model, its optimizer, and the clock that its steps turn."""

    def __init__(self, model: Any, optimizer: Any, question: MeasurementQuestion, clock: PhaseClock) -> None:
        self.model, self.optimizer, self.clock = model, optimizer, clock
        self.backends: set[str] = set()
        self._question = question
        self._trained = [one for one in model.parameters() if one.requires_grad]
        self._compute = Compute(base_dtype=question.base_dtype, autocast=question.autocast)

    def steps(self, micro_batch: int, seq_len: int) -> None:
        """Three steps of one shape; the first one makes the optimizer's state and is not read."""
        remove = watch_layers(self.model, self.clock, full=self._question.technique == "full")
        try:
            for number in range(STEPS):
                with _backends(self.backends) if number == 0 else contextlib.nullcontext():
                    self._step(micro_batch, seq_len)
                if number == 0:
                    self.clock.forget()
        finally:
            remove()

    def _step(self, micro_batch: int, seq_len: int) -> None:
        # fp16 runs without the Trainer's loss scaler: it holds a few bytes, and leaves out steps that overflow
        for _ in range(min(self._question.grad_accum, 2)):  # a third pass needs what the second did
            self._forward_and_backward(micro_batch, seq_len)
        self.clock.enter("opt")
        torch.nn.utils.clip_grad_norm_(self._trained, _MAX_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.clock.leave()

    def _forward_and_backward(self, micro_batch: int, seq_len: int) -> None:
        self.clock.enter("fwd")
        with autocast(self._compute, self.model):
            outputs = self.model(**self._batch(micro_batch, seq_len))
        watch_logits(outputs.logits, self.clock)
        loss = outputs.loss
        if not self._question.keep_logits:
            del outputs  # our trainer's loss function gives back the loss alone
        self.clock.enter("loss")
        loss.backward()
        if self.clock.phase != "end":
            self.clock.enter("end")

    def _batch(self, micro_batch: int, seq_len: int) -> dict[str, Any]:
        vocabulary = self.model.config.get_text_config().vocab_size
        shape, device = (micro_batch, seq_len), self._trained[0].device
        tokens = torch.randint(vocabulary, shape, device=device)
        batch = {"input_ids": tokens, "labels": tokens.clone()}
        if self._question.padded:
            batch["attention_mask"] = torch.ones(shape, dtype=torch.long, device=device)
            batch["attention_mask"][-1, -1] = 0  # transformers drops a mask of ones
        return batch


@contextlib.contextmanager
def _backends(seen: set[str]) -> Iterator[None]:
    """Add what scaled dot product attention chooses while the block lasts; asking may copy, so no such step counts."""
    from torch.nn.attention import SDPBackend

    functional = torch.nn.functional
    original = functional.scaled_dot_product_attention

    def asked(query: Any, key: Any, value: Any, *rest: Any, **named: Any) -> Any:
        kind = query.device.type
        cast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype
        inputs = (one.to(cast) for one in (query, key, value))
        seen.add(SDPBackend(torch._fused_sdp_choice(*inputs, *rest, **named)).name.lower())
        return original(query, key, value, *rest, **named)

    functional.scaled_dot_product_attention = asked
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = original
