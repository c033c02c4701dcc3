"""What counts memory while a step runs: CUDA's own counters, or the bytes of the tensors that live on a CPU."""

from __future__ import annotations

import gc
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch

from trainers.measured import Place, Reading
from trainers.problems import TrainerError
from trainers.simulation.storage import StorageLog


class Meter(Protocol):
    """Peaks since `reset`; all sizes in bytes."""

    device: str

    def name(self) -> str:
        """The device as its driver reports it."""

    def capability(self) -> float:
        """CUDA's compute capability, 0 on a CPU."""

    def total(self) -> int:
        """What the device has."""

    def watching(self) -> AbstractContextManager[Any]:
        """Count for as long as the block lasts."""

    def reset(self) -> None:
        """Begin a new peak at what is in use now."""

    def peak(self) -> Reading:
        """The highest values since `reset`."""

    def now(self) -> int:
        """Bytes of tensors in use."""

    def release(self) -> None:
        """Give back what the allocator only keeps for later."""

    def context(self) -> int | None:
        """What the process holds beyond its allocator."""


class CudaMeter:
    """The caching allocator's counters on the first visible GPU."""

    device = "cuda:0"

    def __init__(self) -> None:
        # an upper bound on what others hold: whatever is gone before this process has a context of its own
        self._others = int(os.environ.get("TUNEGATE_GPU_BYTES_BEFORE", "0"))

    def name(self) -> str:
        return str(torch.cuda.get_device_name(self.device))

    def capability(self) -> float:
        major, minor = torch.cuda.get_device_capability(self.device)
        return float(f"{major}.{minor}")

    def total(self) -> int:
        return int(torch.cuda.mem_get_info(self.device)[1])

    def watching(self) -> AbstractContextManager[Any]:
        torch.cuda.init()  # counters of a device that was never used cannot be reset
        torch.cuda.set_device(self.device)
        return nullcontext()

    def reset(self) -> None:
        torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> Reading:
        return Reading(torch.cuda.max_memory_allocated(self.device), torch.cuda.max_memory_reserved(self.device))

    def now(self) -> int:
        return int(torch.cuda.memory_allocated(self.device))

    def release(self) -> None:
        gc.collect()
        torch.cuda.empty_cache()

    def context(self) -> int | None:
        torch.cuda.synchronize(self.device)
        free, total = torch.cuda.mem_get_info(self.device)
        return max(0, int(total - free - torch.cuda.memory_reserved(self.device) - self._others))


class _Living(StorageLog):
    """The sum of all storages on the CPU, and its peak."""

    def __init__(self) -> None:
        super().__init__(cuda=False, block=1)
        self.live = 0
        self.top = 0

    def note(self, tensor: Any, op: str, category: str | None = None) -> None:
        if tensor.device.type == "cpu":
            super().note(tensor, op, category)

    def _freed(self, key: int) -> None:
        number, _ = self._alive[key]
        self.live -= self.storages[number].size
        super()._freed(key)

    def _add(self, size: int, op: str, tensor: Any, category: str | None) -> int:
        self.live += size
        self.top = max(self.top, self.live)
        return super()._add(size, op, tensor, category)


class CpuMeter:
    """Bytes of real tensors on the CPU, which has no cache that reserves more."""

    device = "cpu"

    def __init__(self) -> None:
        self._living = _Living()

    def name(self) -> str:
        return "cpu"

    def capability(self) -> float:
        return 0.0

    def total(self) -> int:
        import psutil

        return int(psutil.virtual_memory().total)

    def watching(self) -> AbstractContextManager[Any]:
        mode: AbstractContextManager[Any] = self._living
        return mode

    def reset(self) -> None:
        self._living.top = self._living.live

    def peak(self) -> Reading:
        return Reading(self._living.top)

    def now(self) -> int:
        return self._living.live

    def release(self) -> None:
        gc.collect()

    def context(self) -> int | None:
        return None


def meter_of(place: Place) -> Meter:
    """The meter of a device.

    Raises:
        TrainerError: `missing_gpu` where PyTorch sees none.
    """
    if place == "cpu":
        return CpuMeter()
    if not torch.cuda.is_available():
        raise TrainerError(
            "missing_gpu",
            f"PyTorch {torch.__version__} sees no GPU here.",
            remedy="Install PyTorch with CUDA for this driver, or measure on the CPU: --gpu cpu.",
        )
    return CudaMeter()
