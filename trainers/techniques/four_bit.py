"""A base in 4 bits (NF4, double quantisation): loaded, made safe on the CPU, and dequantised for the merge."""

from __future__ import annotations

from typing import Any

from trainers.classification.model import HEADS
from trainers.contract import TrainPlan
from trainers.load import base_dtype, load_base, on_gpu


def load_four_bit(plan: TrainPlan) -> Any:
    """The 4-bit base in evaluation mode; it computes in the plan's type.

    Raises:
        TrainerError: `unreadable_model`.
    """
    import torch
    from transformers import BitsAndBytesConfig

    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=base_dtype(plan),
        llm_int8_skip_modules=None if plan.task == "chat" else list(HEADS),
    )
    place = {"": torch.cuda.current_device() if on_gpu() else "cpu"}
    return keep_layout(load_base(plan, quantization_config=quantised, device_map=place))


def keep_layout(model: Any) -> Any:
    """Forbid the CPU kernel that repacks 4-bit weights in place; to be called before any forward.

    On CPUs with AVX512-BF16 the first forward in evaluation mode would repack every weight for a faster kernel and
    never undo it: gradients, DoRA's norms and merges would then read the packed bytes as plain ones, without a word.
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
    return model


def prepared(model: Any) -> Any:
    """The 4-bit base ready to carry an adapter: frozen, its other parameters in fp32."""
    from peft import prepare_model_for_kbit_training

    # the Trainer is told whether to compute activations again
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def dequantised(plan: TrainPlan) -> Any:
    """The 4-bit base as plain fp32 layers: the function that was trained on, not the one before quantisation."""
    import torch

    return load_four_bit(plan).dequantize().to("cpu", torch.float32).eval()
