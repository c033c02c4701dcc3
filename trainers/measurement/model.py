"""The model of a question with random weights on the device, with the trainer's own technique in it."""

from __future__ import annotations

from typing import Any

import torch

from trainers.contract import Adapter, DatasetRef, Hyperparameters, TrainPlan
from trainers.from_config import language_model
from trainers.measured import MeasurementQuestion
from trainers.problems import TrainerError
from trainers.techniques import FOUR_BIT, technique
from trainers.techniques.four_bit import keep_layout

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# as transformers' models begin (initializer_range); bytes do not depend on values, but a loss that is a number is real
_SPREAD = 0.02
_ANY_RATE = 1e-5
_NOT_PREPARED = {"qlora": "lora", "qdora": "dora"}


def base(question: MeasurementQuestion, device: str) -> Any:
    """The base as it is trained; no tensor of it was ever larger than one layer's in 16 or 32 bits.

    Raises:
        TrainerError: `unsupported_family`, `target_cannot`, `missing_extra`.
    """
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        model = language_model(question.config, dtype=TYPES[question.base_dtype], attention=question.attention)
    model.tie_weights()
    if question.technique in FOUR_BIT:
        _quantise(model, question, device)
    _fill(model, device)
    if question.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model.train()


def wrapped(model: Any, question: MeasurementQuestion) -> Any:
    """The base with what is trained in it, by the trainer's own technique.

    Raises:
        TrainerError: `target_cannot` where the adapter does not fit the model.
    """
    name = question.technique
    if name in _NOT_PREPARED and not question.kbit_prepare:
        name = _NOT_PREPARED[name]  # type: ignore[assignment]
    plan = _plan(question)
    made = technique("peft" if name == "prompt" else name).wrap(model, plan, steps=1000).train()
    if question.technique != "full" and question.adapter_dtype != "fp32":
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(TYPES[question.adapter_dtype])
    return made


def _plan(question: MeasurementQuestion) -> TrainPlan:
    """What a technique reads of a plan: its hyperparameters and its task."""
    peft = question.peft
    if question.technique == "prompt":
        peft = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": question.virtual_tokens}
    shape = Adapter(r=question.r, alpha=2 * question.r, dropout=question.dropout, targets=question.targets)
    return TrainPlan(
        id="", decision=None, lint_report=None, estimate=None, target="local", model="", model_fingerprint=None,
        technique=question.technique, sharding="none", dataset=DatasetRef(sha256=""), validation=None,
        hyperparameters=Hyperparameters(
            base_learning_rate=_ANY_RATE, learning_rate=_ANY_RATE, adapter=shape, peft=peft
        ),
    )  # fmt: skip


def _quantise(model: Any, question: MeasurementQuestion, device: str) -> None:
    """The layers that `load_four_bit` has; each is quantised on the device, and what it was made of is freed."""
    from bitsandbytes.nn import Linear4bit

    kind, head = TYPES[question.base_dtype], model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is not torch.nn.Linear or child is head:
                continue
            layer = Linear4bit(
                child.in_features, child.out_features, bias=child.bias is not None, compute_dtype=kind,
                compress_statistics=question.double_quant, quant_type="nf4", device="meta",
            )  # fmt: skip
            plain = torch.empty(child.out_features, child.in_features, dtype=kind, device=device).normal_(0, _SPREAD)
            layer.weight = type(layer.weight)(
                plain, requires_grad=False, compress_statistics=question.double_quant, quant_type="nf4", module=layer
            )
            layer.weight = layer.weight._quantize(device)
            layer.bias = child.bias
            setattr(parent, name, layer)
    # what transformers sets where it loads such a base, and peft asks for
    model.is_loaded_in_4bit = model.is_quantized = True
    keep_layout(model)


def _fill(model: Any, device: str) -> None:
    """Random values in place of parameters that have none yet; buffers as the class made them."""
    made: dict[int, Any] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is None or parameter.device.type != "meta":
                continue
            if id(parameter) not in made:
                values = torch.empty(parameter.shape, dtype=parameter.dtype, device=device).normal_(0, _SPREAD)
                made[id(parameter)] = torch.nn.Parameter(values)
            module._parameters[name] = made[id(parameter)]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                if buffer.device.type == "meta":
                    raise TrainerError("unsupported_family", f"{type(module).__name__}: values made on no device.")
                module._buffers[name] = buffer.to(device)
