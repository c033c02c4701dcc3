"""A linear layer that holds what bitsandbytes' 4-bit one holds, and dequantises for each pass.

bitsandbytes' own parameter cannot wrap a fake tensor. Sizes: bitsandbytes 0.50.2 `functional.py` (blocks of 64 values,
scales of 256 blocks), `nn/modules.py`; peft clones a 4-bit layer's output before it adds to it.
"""

from __future__ import annotations

from typing import Any

import torch

_BLOCK, _SCALE_BLOCK = 64, 256
_CODE = 16


class FourBitLinear(torch.nn.Linear):  # type: ignore[misc]
    """`weight` is packed (n / 2 bytes); `scales` are what belongs to it."""

    def __init__(self, linear: Any, *, compute: torch.dtype, double_quant: bool) -> None:
        torch.nn.Module.__init__(self)
        shape = linear.weight.shape
        # Conv1D (gpt2) holds its weight the other way round
        self.out_features, self.in_features = shape if isinstance(linear, torch.nn.Linear) else reversed(shape)
        self.compute = compute
        count = linear.weight.numel()
        packed = torch.empty(count // 2, 1, dtype=torch.uint8)
        self.weight = torch.nn.Parameter(packed, requires_grad=False)
        self.bias = linear.bias
        blocks = -(-count // _BLOCK)
        self.register_buffer("code", torch.empty(_CODE))
        if double_quant:
            self.register_buffer("absmax", torch.empty(blocks, dtype=torch.uint8))
            self.register_buffer("scales", torch.empty(-(-blocks // _SCALE_BLOCK)))
        else:
            self.register_buffer("absmax", torch.empty(blocks))

    def forward(self, input: Any) -> Any:  # noqa: A002 - as torch names it
        """The product in the compute type, in the type of the input."""
        bias = None if self.bias is None else self.bias.to(self.compute)
        shape = (self.out_features, self.in_features)
        product = _Product.apply(input.to(self.compute), self.weight, shape, self.compute)
        if bias is not None:
            product = product + bias
        return product.to(input.dtype).clone()

    def dequantised(self) -> Any:
        """The weight as plain numbers."""
        return torch.empty(self.out_features, self.in_features, dtype=self.compute)


class _Product(torch.autograd.Function):  # type: ignore[misc]
    """Keeps the packed weight alone, and dequantises it once more for the gradient."""

    @staticmethod
    def forward(ctx: Any, input: Any, packed: Any, shape: tuple[int, int], dtype: torch.dtype) -> Any:  # noqa: A002
        """Input x weight."""
        ctx.save_for_backward(packed)
        ctx.shape, ctx.dtype = shape, dtype
        return torch.nn.functional.linear(input, torch.empty(shape, dtype=dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The gradient of the input."""
        (gradient,) = gradients
        weight = torch.empty(ctx.shape, dtype=ctx.dtype)
        return torch.matmul(gradient.to(ctx.dtype), weight), None, None, None


def quantise(model: Any, *, compute: torch.dtype, double_quant: bool) -> None:
    """Put the stand-in in the place of every linear layer but the head (transformers integrations/bitsandbytes.py)."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if (type(child) is torch.nn.Linear or isinstance(child, Conv1D)) and child is not head:
                setattr(parent, name, FourBitLinear(child, compute=compute, double_quant=double_quant))


def prepare(model: Any) -> None:
    """As peft's `prepare_model_for_kbit_training`: what is not in 4 bits becomes fp32; tied weights stay tied."""
    made: dict[int, Any] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.dtype in (torch.bfloat16, torch.float16):
                if id(parameter) not in made:
                    whole = torch.empty(parameter.shape, dtype=torch.float32)
                    made[id(parameter)] = torch.nn.Parameter(whole, requires_grad=False)
                module._parameters[name] = made[id(parameter)]


def plain_weight(module: Any) -> Any:
    """In the place of peft's `dequantize_module_weight`, which DoRA asks for the norm of a weight."""
    return module.dequantised() if isinstance(module, FourBitLinear) else module.weight
