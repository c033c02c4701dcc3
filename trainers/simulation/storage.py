"""Hears of every storage that appears and disappears while operations run, and keeps the list of these events."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import msgspec
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# the granularity of CUDA's caching allocator (c10/cuda/CUDACachingAllocator.cpp: kMinBlockSize)
BLOCK = 512


class Storage(msgspec.Struct):
    """One storage: its size as the allocator rounds it, and what made it."""

    size: int
    phase: str
    op: str
    shape: tuple[int, ...]
    dtype: str
    category: str | None = None


class StorageLog(TorchDispatchMode):  # type: ignore[misc]
    """`events` are numbers of storages: n for one that appears, ~n for one that is freed; views share a storage."""

    def __init__(self, *, cuda: bool, block: int = BLOCK) -> None:
        super().__init__()
        self._block = block
        self.storages: list[Storage] = []
        self.events: list[int] = []
        self.operations = 0
        self.phase = "load"
        self._cuda = cuda
        self._alive: dict[int, tuple[int, Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation and note what it gives back."""
        del types
        result = func(*args, **(kwargs or {}))
        self.operations += 1
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.note(leaf, func._schema.name)
        if self._cuda and func is torch.ops.aten._softmax_backward_data.default:
            # CUDA's kernel materialises gradient x output (aten/src/ATen/native/cuda/SoftMax.cu); the CPU's does not
            self._transient(args[0])
        return result

    def note(self, tensor: Any, op: str, category: str | None = None) -> None:
        """A storage that may be new; an unknown one is counted from now until it is freed."""
        storage = tensor.untyped_storage()
        key = id(storage)
        if key in self._alive:
            return
        size = self._rounded(storage)
        if size:
            number = self._add(size, op, tensor, category)
            self._alive[key] = (number, weakref.ref(storage, lambda _: self._freed(key)))

    def mark(self, tensors: Iterable[Any], category: str) -> None:
        """Say what these living tensors are."""
        for tensor in tensors:
            if (found := self._alive.get(id(tensor.untyped_storage()))) is not None:
                self.storages[found[0]].category = category

    def _freed(self, key: int) -> None:
        number, _ = self._alive.pop(key)
        self.events.append(~number)

    def _transient(self, like: Any) -> None:
        size = self._rounded(like.untyped_storage())
        self.events.append(~self._add(size, "softmax_backward_temporary", like, None))

    def _rounded(self, storage: Any) -> int:
        return -(-int(storage.nbytes()) // self._block) * self._block

    def _add(self, size: int, op: str, tensor: Any, category: str | None) -> int:
        number = len(self.storages)
        kind = str(tensor.dtype).removeprefix("torch.")
        self.storages.append(Storage(size, self.phase, op, tuple(tensor.shape), kind, category))
        self.events.append(number)
        return number
