"""What this machine offers a trainer: its GPU where there is one, else its memory."""

from __future__ import annotations

import os
import shutil
import subprocess

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """The device a local run would use; `capability` is CUDA's compute capability (0 without a GPU)."""

    device: str
    capacity_gib: float
    gpus: int
    capability: float = 0.0

    @property
    def is_cpu(self) -> bool:
        return self.gpus == 0


def this_machine() -> Machine:
    """The first GPU that nvidia-smi reports, else the CPU with the machine's RAM."""
    gpus = _nvidia_gpus()
    if gpus:
        name, vram_mib, capability = gpus[0]
        return Machine(device=name, capacity_gib=vram_mib / 1024, gpus=len(gpus), capability=capability)
    return Machine(device="cpu", capacity_gib=ram_gib(), gpus=0)


def ram_gib() -> float:
    """Physical memory in GiB."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    import psutil

    return float(psutil.virtual_memory().total) / 2**30


def _nvidia_gpus() -> list[tuple[str, float, float]]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []  # a driver that does not answer offers no GPU
    rows = [line.rsplit(",", 2) for line in answer.splitlines() if line.count(",") > 1]
    return [(name.strip(), float(memory), float(capability)) for name, memory, capability in rows]
