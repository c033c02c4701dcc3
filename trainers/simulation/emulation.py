"""What has to be put in place of library code so that fake CPU tensors are counted as a GPU's would be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch

from trainers.simulation.four_bit import FourBitLinear, plain_weight


@contextlib.contextmanager
def emulated(*, cuda: bool, kernel: str) -> Iterator[None]:
    """The patches, for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        # reads values to find packed rows, so under fake tensors a mask would always be built
        stack.enter_context(patch("transformers.masking_utils.find_packed_sequence_indices", lambda *_, **__: None))
        # sets .data, which a fake parameter refuses
        stack.enter_context(patch.object(torch.nn.Module, "_apply", _rebuilt))
        # asks a 4-bit parameter for its type
        stack.enter_context(patch("peft.tuners.lora.dora.dequantize_module_weight", plain_weight))
        # peft's layer for bitsandbytes leaves the cast of its input to autocast, the one for plain layers does not
        stack.enter_context(patch("peft.tuners.tuners_utils.BaseTunerLayer._cast_input_dtype", _cast_unless_four_bit))
        if cuda:
            # the CPU keeps fp32 noise (8 bytes an element), CUDA's fused kernel a mask of bytes
            stack.enter_context(patch.object(torch.nn.functional, "dropout", _fused_dropout))
        if kernel == "math":
            stack.enter_context(torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH))
        yield


def _rebuilt(self: Any, change: Callable[[Any], Any], recurse: bool = True) -> Any:  # noqa: FBT001, FBT002
    """`nn.Module._apply` that puts new parameters in the place of the old ones."""
    if recurse:
        for child in self.children():
            child._apply(change)
    for name, parameter in self._parameters.items():
        if parameter is not None:
            changed = change(parameter.detach())
            if changed is not parameter and changed.dtype == parameter.dtype and changed.shape == parameter.shape:
                continue
            self._parameters[name] = torch.nn.Parameter(changed, requires_grad=parameter.requires_grad)
    for name, buffer in self._buffers.items():
        if buffer is not None:
            self._buffers[name] = change(buffer)
    return self


def _cast_unless_four_bit(self: Any, x: Any, dtype: torch.dtype) -> Any:
    if isinstance(self.get_base_layer(), FourBitLinear) and torch.is_autocast_enabled("cpu"):
        return x
    return x if x is None or x.dtype == dtype else x.to(dtype=dtype)


def _fused_dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:  # noqa: A002, FBT001, FBT002
    del inplace
    return torch.native_dropout(input, p, True)[0] if training and p > 0 else input  # noqa: FBT003
