"""The symbols of the formulas: one run's resolved settings and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal, TypeVar

import msgspec

from service.models.architecture import Architecture, Linear
from service.models.parameters import layer_linear_elements, linears, parameters
from trainers.contract import ZERO_SIZES, ZeroSizes

T = TypeVar("T")

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


class Case:
    """A model and a run, with the derived symbols; nothing of it is changed once it is made."""

    def __init__(self, model: Architecture, run: Run) -> None:
        half, technique = run.autocast, run.technique
        self.model = model
        self.full = technique == "full"
        self.quantised = technique in QUANTISED
        self.low_rank = technique in LOW_RANK
        self.dora = technique in MAGNITUDE
        self.kbit = self.quantised and run.kbit_fp32
        # bytes per weight; per element of the residual stream; per element that matrix products read and write
        self.w = run.weight_bytes
        self.rho = 4 if self.w == 4 or self.kbit else 2
        self.e = 2 if half else self.rho
        # bytes per element inside attention: the math kernel computes in fp32 whatever it is given
        # (torch 2.13.0 aten/src/ATen/native/transformers/attention.cpp, _scaled_dot_product_attention_math)
        self.attends = 4 if run.kernel == "math" else self.e
        # bytes per element of what the matrices that read a norm give out: a 4-bit matrix answers in its input's
        self.m = self.rho if self.quantised else self.e
        # bytes per adapter parameter, and of its gradient; per element in which an adapter's product reads its input
        self.u = run.adapter_bytes
        self.g = self.w if self.full else self.u
        self.adapter_bytes_read = 2 if half else self.u
        # fp32 adapters on 16-bit activations: every adapted module keeps a cast copy of its own input
        self.casts_inputs = self.low_rank and not half and self.u == 4 and self.e == 2
        self.fp32_stream = self.rho == 4 and self.e == 4
        self.head_elements = model.vocabulary * model.hidden
        self.known_once: dict[object, Any] = {}
        self.known_per_length: dict[object, Any] = {}
        self._size(run)

    def _size(self, run: Run) -> None:
        self.run = run
        # tokens per row, virtual ones included; T, tokens in the micro-batch
        self.length = run.seq_len + run.virtual_tokens
        self.tokens = run.micro_batch * self.length

    def __repr__(self) -> str:
        return f"Case({self.model!r}, {self.run!r})"

    def of_batch(self, size: int) -> Case:
        """The same run with another micro-batch: nothing that is said per token is worked out again."""
        made = object.__new__(Case)
        made.__dict__.update(self.__dict__)
        made._size(msgspec.structs.replace(self.run, micro_batch=size))
        return made

    def of_length(self, size: int) -> Case:
        """The same run with another sequence length: what no length changes is not worked out again."""
        made = object.__new__(Case)
        made.__dict__.update(self.__dict__)
        made.known_per_length = {}
        made._size(msgspec.structs.replace(self.run, seq_len=size))
        return made

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
    def windowed(self) -> int:
        """Layers whose window the rows reach."""
        return self.model.windowed_layers if self.run.masks_windows and self.length >= self.model.window else 0

    @property
    def masked(self) -> Case:
        """The same run as a layer with a mask sees it."""
        return _masked(self)

    @property
    def parameters(self) -> int:
        return parameters(self.model)

    @property
    def linear_elements(self) -> int:
        """n4: elements of all weight matrices inside the layers."""
        return self.model.layers * layer_linear_elements(self.model)

    def adapted(self, modules: Sequence[Linear]) -> list[Linear]:
        """Those of `modules` that carry an adapter."""
        names = _adapted_names(self)
        return [one for one in modules if one.name in names]

    def reading(self, what: str) -> list[Linear]:
        """The modules of a layer that read one tensor."""
        return _readers(self).get(what, [])


def once(term: Callable[[Case], T]) -> Callable[[Case], T]:
    """A term that neither the number of rows nor their length changes: worked out once for all sizes of a run."""

    @wraps(term)
    def of(case: Case) -> T:
        known = case.known_once
        if term not in known:
            known[term] = term(case)
        found: T = known[term]
        return found

    return of


def per_length(term: Callable[[Case], T]) -> Callable[[Case], T]:
    """A term that the number of rows does not change, as nothing that is said per token: once for each length."""

    @wraps(term)
    def of(case: Case) -> T:
        known = case.known_per_length
        if term not in known:
            known[term] = term(case)
        found: T = known[term]
        return found

    return of


@once
def _readers(case: Case) -> dict[str, list[Linear]]:
    found: dict[str, list[Linear]] = {}
    for linear in linears(case.model):
        found.setdefault(linear.reads, []).append(linear)
    return found


@once
def _adapted_names(case: Case) -> frozenset[str]:
    targets = case.run.adapter_targets
    names = [linear.name for linear in linears(case.model)] if case.low_rank else []
    return frozenset(name for name in names if targets is None or is_target(name, targets))


@per_length
def _masked(case: Case) -> Case:
    return Case(case.model, msgspec.structs.replace(case.run, kernel="efficient", repeated_kv=True, padded=True))


def is_target(module: str, targets: Sequence[str]) -> bool:
    """Peft matches a module by the end of its dotted name."""
    return any(module == target or module.endswith(f".{target}") for target in targets)
