"""4-bit bases on the CPU: an evaluation in between changes neither the forward pass nor the gradients."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trainers.contract import TrainPlan
from trainers.techniques import technique


@pytest.fixture(params=["qlora", "qdora"])
def wrapped(request: Any, make_plan: Any) -> Any:
    """A 4-bit base with an adapter that already does something."""
    import torch

    plan = msgspec.json.decode(make_plan(technique=request.param).read_bytes(), type=TrainPlan)
    how = technique(request.param)
    model = how.wrap(how.load(plan), plan, steps=4)
    torch.manual_seed(3)
    with torch.no_grad():
        for one in model.parameters():
            if one.requires_grad:
                one.add_(0.05 * torch.randn_like(one))
    return model


def ids() -> Any:
    import torch

    return torch.arange(1, 25).reshape(2, 12)


def logits(model: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model(input_ids=ids()).logits


def gradients(model: Any) -> Any:
    import torch

    model.train()
    model.zero_grad()
    model(input_ids=ids(), labels=ids()).loss.backward()
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.requires_grad])


def test_the_base_is_nf4_doubly_quantised_and_computes_in_fp32(wrapped: Any) -> None:
    import torch
    from bitsandbytes.nn import Linear4bit

    layers = [one for one in wrapped.modules() if isinstance(one, Linear4bit)]
    assert len(layers) == 8
    for layer in layers:
        assert (layer.weight.quant_type, layer.weight.compress_statistics) == ("nf4", True)
        assert layer.compute_dtype == torch.float32
        assert layer.support_avx512bf16_for_cpu is False


def test_training_and_evaluation_mode_give_the_same_logits(wrapped: Any) -> None:
    assert (logits(wrapped.train()) - logits(wrapped.eval())).abs().max() == 0


def test_gradients_are_the_same_after_an_interposed_evaluation(wrapped: Any) -> None:
    before = gradients(wrapped)
    logits(wrapped.eval())
    after = gradients(wrapped)
    assert before.norm() > 0
    assert (before - after).abs().max() == 0
