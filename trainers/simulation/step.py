"""Two optimizer steps as our trainer does them; the second one, with the optimizer's state in place, is the answer."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from trainers.simulated import SimulationQuestion
from trainers.simulation.optimizers import optimizer
from trainers.simulation.storage import StorageLog

WARM = "warm"


def run(model: Any, question: SimulationQuestion, log: StorageLog) -> None:
    """Fill the log with the events of loading and of both steps."""
    own = {id(one) for one in model.parameters() if one.requires_grad}
    full = question.technique == "full"
    for tensor in [*model.parameters(), *model.buffers()]:
        log.note(tensor, "load", "weights" if full or id(tensor) not in own else "adapter")
    trained = [one for one in model.parameters() if one.requires_grad]
    how = optimizer(question.optimizer, trained, cuda=question.cuda)
    with log:
        for phases in (dict.fromkeys(("fwd", "bwd", "opt"), WARM), {"fwd": "fwd", "bwd": "bwd", "opt": "opt"}):
            for _ in range(question.grad_accum):
                _forward_and_backward(model, question, log, phases)
            log.mark((one.grad for one in trained if one.grad is not None), "gradients")
            log.phase = phases["opt"]
            how.step()
            for state in how.state.values():
                log.mark((value for value in state.values() if isinstance(value, torch.Tensor)), "optimizer")
            how.zero_grad(set_to_none=True)


def _forward_and_backward(model: Any, question: SimulationQuestion, log: StorageLog, phases: dict[str, str]) -> None:
    shape = (question.micro_batch, question.seq_len)
    log.phase = phases["fwd"]
    batch = {"input_ids": torch.zeros(shape, dtype=torch.long), "labels": torch.zeros(shape, dtype=torch.long)}
    log.mark(batch.values(), "token_ids")
    if question.padded:
        batch["attention_mask"] = torch.ones(shape, dtype=torch.long)
    with _autocast(question):
        outputs = model(**batch)
    loss = outputs.loss
    if not question.keep_logits:
        del outputs  # our trainer's loss function gives back the loss alone
    log.phase = phases["bwd"]
    loss.backward()


def _autocast(question: SimulationQuestion) -> contextlib.AbstractContextManager[Any]:
    cast: contextlib.AbstractContextManager[Any] = torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext() if question.autocast == "none" else cast
