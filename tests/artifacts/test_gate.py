"""What a finished run says of the model before and after: in its manifest, its card and its job."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest

from service.artifacts.bundle import RunInputs, finish_run, prepare_run
from service.records.evaluation import Conclusion, Evaluation
from service.records.job import Job
from service.records.manifest import Manifest
from trainers.contract import DatasetRef, Hyperparameters, Result, TrainPlan

PLAN = TrainPlan(
    id="p" * 64, decision=None, lint_report=None, estimate=None, target="local", model="somewhere/base",
    model_fingerprint="f" * 64, technique="lora", sharding="none",
    dataset=DatasetRef(path="train.jsonl", sha256="s" * 64), validation=DatasetRef(path="v.jsonl", sha256="v" * 64),
    hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3), evaluation_id="e" * 64,
)  # fmt: skip
MEASURED = {"rows": 20, "validation_loss": 2.0, "exact_match": 0.0}
LOSSES: list[float | None] = [2.0 + 0.1 * (n % 7) for n in range(20)]
LOWER: list[float | None] = [1.0 + 0.05 * (n % 3) for n in range(20)]
BASELINE = Evaluation(
    id="e" * 64, made_at="now", data=[], documents=None, variants=[], models=[], settings={}, goal=None, cells=[],
    differences=[], conclusion=Conclusion(status="no-goal", why="nothing was asked for"), facts={}, worst=[],
)  # fmt: skip


def finished(out: Path, before: list[float | None], after: list[float | None], plan: TrainPlan = PLAN) -> Manifest:
    """The manifest of a run whose trainer left these losses of rows."""
    files = RunInputs(
        plan=plan, decision=None, report=None, estimate=None, dataset=Path("train.jsonl"), validation=Path("v.jsonl"),
        model=Path("base"), evaluation=BASELINE,
    )  # fmt: skip
    prepare_run(out, files)
    result = Result(
        status="succeeded", plan=plan.id, evaluation_before=MEASURED, evaluation_after=MEASURED,
        scores_before={"row_loss": before} if before else {}, scores_after={"row_loss": after} if after else {},
    )  # fmt: skip
    (out / "result.json").write_bytes(msgspec.json.encode(result))
    return finish_run(out, plan=plan, job=Job(id="j", plan=plan.id, state="succeeded"))


@pytest.mark.parametrize(("after", "gate"), [(LOWER, "passed"), (LOSSES, "failed")])
def test_manifest_card_and_job_say_the_same(after: list[float | None], gate: str, tmp_path: Path) -> None:
    made = finished(tmp_path / "run", LOSSES, after)
    held = made.evaluation.comparison
    assert held is not None
    job = json.loads((tmp_path / "run" / "job.json").read_text())
    assert (held.gate, job["gate"], job["gate_why"]) == (gate, gate, held.why)
    card = (tmp_path / "run" / "README.md").read_text()
    assert ("The gate passed" if gate == "passed" else "The gate FAILED") in card
    assert held.why in card
    (one,) = held.differences
    assert "| row_loss | 20 | 2.285 [" in card
    assert f"{one.difference:+.4g} [{one.low:+.4g}, {one.high:+.4g}] | {one.verdict} |" in card
    assert finish_run(tmp_path / "run", plan=PLAN, job=None).evaluation.comparison == held


def test_the_evaluation_joins_the_chain_and_lies_in_the_folder(tmp_path: Path) -> None:
    made = finished(tmp_path / "run", LOSSES, LOWER)
    assert made.chain.evaluation == BASELINE.id
    kept = msgspec.json.decode((tmp_path / "run" / "evaluation.json").read_bytes(), type=Evaluation)
    assert kept == BASELINE
    assert "evaluation.json" in {one.path for one in made.files}
    assert f"- evaluation: `{BASELINE.id}`" in (tmp_path / "run" / "README.md").read_text()


def test_what_cannot_be_compared_leaves_the_gate_open_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = msgspec.structs.replace(PLAN, validation=None)
    monkeypatch.setenv("TUNEGATE_RULES", str(tmp_path / "rules"))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "evaluation.toml").write_text("[equal_margin]\nvalue = 'much'\n")
    found = {
        "numbers of single rows": finished(tmp_path / "old", [], []),
        "No validation rows": finished(tmp_path / "bare", LOSSES, LOWER, bare),
        "evaluation.toml": finished(tmp_path / "limits", LOSSES, LOWER),
    }
    monkeypatch.setitem(sys.modules, "scipy", None)  # as where it is not installed
    found["pip install 'tunegate[evaluate]'"] = finished(tmp_path / "without", LOSSES, LOWER)
    for why, made in found.items():
        held = made.evaluation.comparison
        assert held is not None
        assert (held.gate, held.differences) == (None, []), why
        assert why in held.why


def test_a_manifest_of_before_is_still_read() -> None:
    old = {
        "schema": "tunegate.manifest/1", "id": "m", "files": [], "onnx": [],
        "chain": {"decision": None, "lint_report": None, "estimate": None, "plan": "p", "job": None},
        "evaluation": {"before": None, "after": None},
    }  # fmt: skip
    read = msgspec.convert(old, Manifest)
    assert (read.chain.evaluation, read.evaluation.comparison) == (None, None)
