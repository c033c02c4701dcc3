"""Runs `python -m trainers.measurement` on this machine's GPU or CPU, and reads its answer."""

from __future__ import annotations

import threading

from service.errors import TuneGateError
from service.launch.asking import Helper, asked
from service.launch.machine import LocalGpu
from trainers.contract import Measurement, MeasurementQuestion

# three shapes of three steps, and the libraries' start; on a CPU a model of 1B takes minutes
SECONDS = 900.0
# of the RAM that is free: what is left keeps the machine usable while a CPU measures
_SHARE = 0.8
_HELPER = Helper(
    module="trainers.measurement",
    what="measurement",
    otherwise="Fewer layers, a smaller shape, or the formula tier.",
    turns=threading.BoundedSemaphore(1),  # two at once would count each other
    environment=(
        "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
        "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF",
    ),
)  # fmt: skip


def run_measurement(
    question: MeasurementQuestion,
    *,
    gpu: LocalGpu | None = None,
    seconds: float = SECONDS,
    memory_bytes: int | None = None,
) -> Measurement:
    """The answer to one question; `gpu` is what the driver said of the GPU before anything ran on it.

    Raises:
        TuneGateError: `missing_gpu` where PyTorch sees none; else as `run_simulation`.

    """
    also = {} if gpu is None else {"TUNEGATE_GPU_BYTES_BEFORE": str(gpu.used_bytes)}
    limit = _free_bytes() if memory_bytes is None else memory_bytes
    return asked(_HELPER, question, Measurement, seconds=seconds, memory_bytes=limit, also=also)


def _free_bytes() -> int:
    try:
        import psutil
    except ImportError as error:
        raise TuneGateError(
            "missing_extra", "A measurement needs psutil.", remedy="pip install 'tunegate[train]'"
        ) from error
    return int(_SHARE * psutil.virtual_memory().available)
