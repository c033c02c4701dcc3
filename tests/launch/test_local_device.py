"""A plan's estimate is for the very device that this machine reports."""

from __future__ import annotations

from pathlib import Path

from service.data import rule_files
from service.launch.machine import Machine
from service.launch.request import PlanChoices
from service.records.estimate import Estimate
from service.records.lint_report import LintReport, Summary
from service.settings import load_settings
from service.verbs.planning.estimate import estimate_of

REPORT = LintReport(
    id="l" * 64, rules_revision="r" * 64, target="local", method="sft", model=None, files=[], verdict="pass",
    summary=Summary(0, 0, 0), counts={}, findings=[], truncated={}, facts={}, not_scanned=[],
)  # fmt: skip


def planned(device: str, capability: float, folder: Path) -> Estimate:
    found, why = estimate_of(
        PlanChoices(model="qwen2.5-0.5b"),
        technique="lora",
        sharding="none",
        report=REPORT,
        rules=rule_files(None),
        settings=load_settings({"TUNEGATE_HOME": str(folder)}),
        machine=Machine(device=device, capacity_gib=15.0, gpus=1, capability=capability),
    )
    assert why is None
    assert found is not None
    return found


def test_a_gpu_of_the_table_is_judged_with_its_own_row(tmp_path: Path) -> None:
    found = planned("Tesla T4", 7.5, tmp_path)
    assert [fit.gpu for fit in found.fits] == ["T4-16GB"]
    assert found.assumptions["device"] == "T4-16GB"
    assert found.peak.context_gib < 0.2  # measured on a T4; of any other GPU it is assumed to be larger


def test_another_gpu_is_any_gpu(tmp_path: Path) -> None:
    found = planned("NVIDIA GB10", 12.1, tmp_path)
    assert found.assumptions["device"] == "any-gpu"
    assert len(found.fits) > 1
