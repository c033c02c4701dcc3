"""The symbols of the formulas: one run's resolved settings and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from service.models.architecture import Architecture, Linear
from service.models.parameters import layer_linear_elements, linears, parameters
from trainers.contract import ZERO_SIZES, ZeroSizes

GIB = 2**30
MIB = 2**20

Kernel = Literal["flash", "efficient", "math", "eager"]
# techniques with low-rank adapters, and those whose base is quantised to 4 bits
LOW_RANK = ("lora", "qlora", "dora", "qdora")
QUANTISED = ("qlora", "qdora")
MAGNITUDE = ("dora", "qdora")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything chosen for one step; nothing here is a guess any more."""

    technique: str
    micro_batch: int
    seq_len: int
    weight_bytes: int = 2
    autocast: bool = False
    kbit_fp32: bool = False
    double_quant: bool = True
    adapter_r: int = 16
    adapter_targets: tuple[str, ...] | None = None
    adapter_bytes: int = 4
    dropout: bool = False
    virtual_tokens: int = 0
    padded: bool = False
    accumulates: bool = False
    checkpointing: bool = False
    # rows share sequences (trainers/training/packing.py)
    packed: bool = False
    kernel: Kernel = "flash"
    repeated_kv: bool = False
    # layers with a window are given a mask once rows are as long as it
    masks_windows: bool = False
    cuda: bool = True
    optimizer: str = "adamw"
    loss: str = "hf"
    keep_logits: bool = False
    zero_stage: int = 0
    offload_optimizer: bool = False
    offload_params: bool = False
    gpus: int = 1
    # the 16-bit type that DeepSpeed runs in; and what the weights were loaded in before it cast them, in bytes each
    zero_half: str | None = None
    loaded_bytes: int = 0
    zero_sizes: ZeroSizes = ZERO_SIZES


class Case(msgspec.Struct, frozen=True):
    """A model and a run, with the derived symbols."""

    model: Architecture
    run: Run

    @property
    def full(self) -> bool:
        return self.run.technique == "full"

    @property
    def quantised(self) -> bool:
        return self.run.technique in QUANTISED

    @property
    def low_rank(self) -> bool:
        return self.run.technique in LOW_RANK

    @property
    def dora(self) -> bool:
        return self.run.technique in MAGNITUDE

    @property
    def kbit(self) -> bool:
        return self.quantised and self.run.kbit_fp32

    @property
    def w(self) -> int:
        """Bytes per weight."""
        return self.run.weight_bytes

    @property
    def e(self) -> int:
        """Bytes per element that matrix products read and write."""
        if self.run.autocast:
            return 2
        return 4 if self.w == 4 or self.kbit else 2

    @property
    def attends(self) -> int:
        """Bytes per element inside attention: the math kernel computes in fp32 whatever it is given.

        Source: torch 2.13.0 aten/src/ATen/native/transformers/attention.cpp (_scaled_dot_product_attention_math).
        """
        return 4 if self.run.kernel == "math" else self.e

    @property
    def rho(self) -> int:
        """Bytes per element of the residual stream."""
        return 4 if self.w == 4 or self.kbit else 2

    @property
    def m(self) -> int:
        """Bytes per element of what the matrices that read a norm give out: a 4-bit matrix answers in its input's."""
        return self.rho if self.quantised else self.e

    @property
    def u(self) -> int:
        """Bytes per adapter parameter."""
        return self.run.adapter_bytes

    @property
    def g(self) -> int:
        """Gradient bytes per trained parameter."""
        return self.w if self.full else self.u

    @property
    def length(self) -> int:
        """Tokens per row, virtual ones included."""
        return self.run.seq_len + self.run.virtual_tokens

    @property
    def tokens(self) -> int:
        """T: tokens in the micro-batch."""
        return self.run.micro_batch * self.length

    @property
    def adapter_bytes_read(self) -> int:
        """Bytes per element in which an adapter's matrix product reads its input."""
        return 2 if self.run.autocast else self.u

    def casts(self, arrives: int) -> bool:
        """Whether an adapted module makes its own copy of an input of `arrives` bytes an element.

        peft casts to the adapter's type, and autocast that to 16 bits; beside a 4-bit matrix peft leaves the first
        cast to autocast (peft 0.21.2 tuners/lora/layer.py, bnb.py).
        """
        if arrives != self.adapter_bytes_read:
            return True
        return self.run.autocast and self.u == 4 and not self.quantised

    @property
    def shares_output(self) -> bool:
        """Whether the adapter of the output projection reads attention's own output and no copy of it."""
        return bool(self.adapted(self.reading("o"))) and not self.run.dropout and not self.casts(self.e)

    @property
    def casts_inputs(self) -> bool:
        """fp32 adapters on 16-bit activations: every adapted module keeps a cast copy of its own input."""
        return self.low_rank and not self.run.autocast and self.u == 4 and self.e == 2

    @property
    def fp32_stream(self) -> bool:
        return self.rho == 4 and self.e == 4

    @property
    def windowed(self) -> int:
        """Layers whose window the rows reach."""
        return self.model.windowed_layers if self.run.masks_windows and self.length >= self.model.window else 0

    @property
    def masked(self) -> Case:
        """The same run as a layer with a mask sees it."""
        return Case(self.model, msgspec.structs.replace(self.run, kernel="efficient", repeated_kv=True, padded=True))

    @property
    def parameters(self) -> int:
        return parameters(self.model)

    @property
    def linear_elements(self) -> int:
        """n4: elements of all weight matrices inside the layers."""
        return self.model.layers * layer_linear_elements(self.model)

    @property
    def head_elements(self) -> int:
        return self.model.vocabulary * self.model.hidden

    def adapted(self, modules: Sequence[Linear]) -> list[Linear]:
        """Those of `modules` that carry an adapter."""
        if not self.low_rank:
            return []
        targets = self.run.adapter_targets
        return [one for one in modules if targets is None or is_target(one.name, targets)]

    def reading(self, what: str) -> list[Linear]:
        """The modules of a layer that read one tensor."""
        return [linear for linear in linears(self.model) if linear.reads == what]


def is_target(module: str, targets: Sequence[str]) -> bool:
    """Peft matches a module by the end of its dotted name."""
    return any(module == target or module.endswith(f".{target}") for target in targets)
