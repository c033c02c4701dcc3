"""The real model class of a configuration with the technique in it, on fake tensors."""

from __future__ import annotations

from typing import Any

import torch

from trainers.compute import Attention
from trainers.from_config import language_model
from trainers.problems import TrainerError
from trainers.simulated import SimulationQuestion
from trainers.simulation.four_bit import prepare, quantise
from trainers.techniques import FOUR_BIT

# fp16 and bf16 have the same sizes, and bf16 has all kernels on a CPU
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.bfloat16}


def build(question: SimulationQuestion) -> tuple[Any, int]:
    """The model as it is trained, and the parameters of its base.

    Raises:
        TrainerError: `unsupported_family` for an architecture that transformers does not have, `target_cannot` where
            the adapter does not fit it.
    """
    model = _base(question)
    count = sum(one.numel() for one in model.parameters())
    if question.technique == "full":
        return model, count
    model.requires_grad_(False)  # noqa: FBT003
    if question.technique in FOUR_BIT:
        quantise(model, compute=TYPES[question.base_dtype], double_quant=question.double_quant)
        if question.kbit_prepare:
            prepare(model)
    return _adapted(model, question), count


def _base(question: SimulationQuestion) -> Any:
    attention: Attention = "eager" if question.kernel == "eager" else "sdpa"
    model = language_model(question.config, dtype=TYPES[question.base_dtype], attention=attention)
    if question.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False, "preserve_rng_state": False})
    return model.train()


def _adapted(model: Any, question: SimulationQuestion) -> Any:
    from peft import get_peft_model

    whole = question.adapter_dtype == "fp32"
    try:
        adapted = get_peft_model(model, _config(question, model), autocast_adapter_dtype=whole).train()
    except (ValueError, TypeError, NotImplementedError, AssertionError, AttributeError) as error:
        what = " ".join(str(error).split())[:300]
        raise TrainerError("target_cannot", f"The adapter does not fit this model: {what}") from error
    if not whole:
        _narrow(adapted, TYPES[question.adapter_dtype])
    return adapted


def _narrow(model: Any, dtype: Any) -> None:
    """The adapter in the type that was asked for: beside fp32 and 4-bit weights peft leaves it in fp32."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.requires_grad and parameter.dtype != dtype:
                module._parameters[name] = torch.nn.Parameter(parameter.detach().to(dtype))


def _config(question: SimulationQuestion, model: Any) -> Any:
    from peft import LoraConfig, PromptTuningConfig

    from trainers.techniques.any_peft import complete_config

    if question.technique == "prompt":
        return PromptTuningConfig(num_virtual_tokens=question.virtual_tokens, task_type="CAUSAL_LM")
    if question.technique == "peft":
        return complete_config(question.peft or {}, model, steps=1000)
    return LoraConfig(
        r=question.r,
        lora_alpha=2 * question.r,
        lora_dropout=question.dropout,
        target_modules=question.targets if question.targets == "all-linear" else list(question.targets),
        use_dora=question.technique in ("dora", "qdora"),
        task_type="CAUSAL_LM",
    )
