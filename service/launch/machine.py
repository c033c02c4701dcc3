"""What this machine offers a trainer: its GPU where there is one, else its memory."""

from __future__ import annotations

import os
import shutil
import subprocess

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """The device a run would use; `capability` is CUDA's compute capability (0 without a GPU).

    A job of several machines (`count`) has the GPUs of all of them.
    """

    device: str
    capacity_gib: float
    gpus: int
    capability: float = 0.0
    count: int = 1

    @property
    def is_cpu(self) -> bool:
        return self.gpus == 0


class LocalGpu(msgspec.Struct, frozen=True):
    """The first GPU that CUDA shows here, as its driver reports it; `used_bytes` is what others hold of it now."""

    name: str
    capacity_gib: float
    capability: float
    used_bytes: int


def local_gpu() -> LocalGpu | None:
    """What nvidia-smi says of the first visible GPU, or None where it says nothing."""
    rows = _visible(_nvidia("name", "memory.total", "memory.used"))
    if not rows:
        return None
    name, memory, used = rows[0]
    capabilities = [_number(row[0]) for row in _visible(_nvidia("compute_cap"))] or [0.0]
    return LocalGpu(
        name=name,
        capacity_gib=_number(memory) / 1024 or ram_gib(),
        capability=capabilities[0],
        used_bytes=round(_number(used) * 2**20),
    )


def this_machine() -> Machine:
    """What nvidia-smi reports, the smallest of several GPUs; else the CPU with the machine's RAM.

    A GPU that tells no memory of its own shares the machine's.
    """
    gpus = _visible(_nvidia("name", "memory.total"))
    if not gpus:
        return Machine(device="cpu", capacity_gib=ram_gib(), gpus=0)
    # a driver from before 2021 does not know this question, and is asked the other one alone
    capabilities = [_number(row[0]) for row in _visible(_nvidia("compute_cap"))] or [0.0]
    name, memory = min(gpus, key=lambda row: _number(row[1]))
    return Machine(
        device=name, capacity_gib=_number(memory) / 1024 or ram_gib(), gpus=len(gpus), capability=min(capabilities)
    )


def ram_gib() -> float:
    """Physical memory in GiB."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    import psutil

    return float(psutil.virtual_memory().total) / 2**30


def _nvidia(*names: str) -> list[list[str]]:
    """One row per GPU, nothing where nvidia-smi is missing, silent or does not know a name."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, f"--query-gpu={','.join(names)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []  # a driver that does not answer offers no GPU
    rows = [[cell.strip() for cell in line.rsplit(",", len(names) - 1)] for line in answer.splitlines() if line.strip()]
    return [row for row in rows if len(row) == len(names)]


def _visible(rows: list[list[str]]) -> list[list[str]]:
    """Those that CUDA_VISIBLE_DEVICES leaves, where it counts them; ids of GPUs or slices are left to CUDA."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return rows
    numbers = [part.strip() for part in wanted.split(",")]
    if not all(number.isdigit() for number in numbers):
        return [] if wanted.strip() in {"", "-1", "NoDevFiles"} else rows
    return [rows[int(number)] for number in numbers if int(number) < len(rows)]


def _number(text: str) -> float:
    """0 for what a driver does not tell ("[N/A]", "[Insufficient Permissions]")."""
    try:
        return float(text)
    except ValueError:
        return 0.0
