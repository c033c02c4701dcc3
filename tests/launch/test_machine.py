"""What nvidia-smi tells, by programs that answer as drivers do."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.launch.machine import ram_gib, this_machine

PROGRAM = """#!/bin/sh
case "$*" in
  *compute_cap*) {capability} ;;
  *) printf '{memory}' ;;
esac
"""


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "nvidia-smi"


def answers(program: Path, memory: str, capability: str) -> None:
    program.write_text(PROGRAM.format(memory=memory, capability=capability))
    program.chmod(0o755)


def test_without_a_driver_it_is_the_cpu(driver: Path) -> None:
    del driver
    assert this_machine().is_cpu


def test_the_smallest_of_several_gpus_decides(driver: Path) -> None:
    answers(driver, "NVIDIA A100-SXM4-80GB, 81920\\nTesla T4, 15360\\n", "printf '8.0\\n7.5\\n'")
    found = this_machine()
    assert (found.device, found.gpus, found.capacity_gib, found.capability) == ("Tesla T4", 2, 15.0, 7.5)


@pytest.mark.parametrize("capability", ["exit 2", "printf '[N/A]\\n'"])
def test_an_old_driver_still_has_a_gpu(driver: Path, capability: str) -> None:
    answers(driver, "Tesla V100, 16384\\n", capability)
    assert (this_machine().gpus, this_machine().capability) == (1, 0.0)


def test_a_gpu_without_memory_of_its_own_has_the_machine_s(driver: Path) -> None:
    answers(driver, "NVIDIA GB10, [N/A]\\n", "printf '12.1\\n'")
    assert (this_machine().gpus, this_machine().capacity_gib) == (1, ram_gib())


def test_only_visible_gpus_count(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(driver, "NVIDIA A100-SXM4-80GB, 81920\\nTesla T4, 15360\\n", "printf '8.0\\n7.5\\n'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert (this_machine().device, this_machine().capability) == ("NVIDIA A100-SXM4-80GB", 8.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert this_machine().is_cpu
