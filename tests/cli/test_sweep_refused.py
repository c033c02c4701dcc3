"""What a sweep refuses before anything is spent, and how it chooses the best of what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.cli.app import run
from service.cli.sweep import sweep_text
from service.data import rule_files
from service.errors import TuneGateError
from service.launch.grid import EPOCHS, RANK, RATE
from service.launch.request import PlanChoices
from service.records.sweep import Sweep, SweepBudget, SweepChain, Trial
from service.settings import load_settings
from service.verbs.sweeping.best import best_of, left_out_text
from service.verbs.sweeping.folder import Ledger
from service.verbs.sweeping.plans import Place, planned_trials
from service.verbs.sweeping.request import SweepRequest, read_request, require_goal


def sweep(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """(exit code, problem) of a sweep that is refused."""
    code = run(["train", *arguments, "--format", "json"])
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, json.loads(captured.err[captured.err.index("{") :])


def test_everything_that_cannot_be_used_is_told_at_once(
    tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["--model", str(tiny.place / "base"), "--data", str(tiny.place / "train.jsonl"), "--technique", "lora"]
    grid = ["--sweep", "epochs=1,two", "--sweep", "rank=4", "--sweep", "dropout=0", "--epochs", "3", "--adapter-r", "8"]
    code, problem = sweep(
        capsys, *asked, *grid, "--goal", "checks.brief", "--budget", "0", "--budget", "5x,3,4", "-o", str(out)
    )
    assert (code, problem["code"]) == (2, "usage")
    where = [one["where"] for one in problem["errors"]]
    assert where == [
        "--sweep n_epochs", "--sweep", "--sweep n_epochs", "--sweep adapter.r", "--goal", "--budget", "--budget",
        "--budget", "--validation",
    ]  # fmt: skip
    assert "--check NAME=REGEX" in problem["errors"][4]["allowed"]
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--goal", "exact_match", "--budget", "3"], "--goal and --budget need --sweep"),
        (["plan.json", "--sweep", "epochs=1"], "instead of a PLAN.json"),
        (["--sweep", "epochs=1"], "--data is required"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, problem = sweep(capsys, *arguments, "-o", str(tmp_path / "out"))
    assert (code, problem["code"]) == (2, "usage")
    assert said in problem["detail"]


def test_a_plan_that_cannot_be_made_is_told_with_its_values(
    tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    base = ["--model", str(tiny.place / "base"), "-o", str(out)]
    wide = [*tiny.options(), *base, "--technique", "lora", "--sweep", "rank=4,65", "--provider", "dml"]
    code, problem = sweep(capsys, *wide)
    assert (code, problem["code"]) == (2, "target_cannot")
    assert [one["where"] for one in problem["errors"]] == ["outputs.onnx", "hyperparameters.adapter.r (rank 65)"]
    code, problem = sweep(capsys, *tiny.options(), *base, "--technique", "full", "--sweep", "rank=4,8")
    assert (code, problem["errors"][0]["where"]) == (2, "hyperparameters.adapter")
    blocked = [one for one in tiny.options() if "pii_findings" not in one and "lint_errors" not in one]
    blocked = [one for one in blocked if one != "--override"]
    (tiny.place / "flawed.jsonl").write_text('{"messages": [{"role": "user", "content": "Hello?"}]}\n')
    place = blocked.index("--data") + 1
    blocked[place] = str(tiny.place / "flawed.jsonl")
    code, problem = sweep(capsys, *blocked, *base, "--technique", "lora", "--sweep", "epochs=1,2")
    assert (code, problem["code"]) == (1, "plan_blocked")
    assert not out.exists()


def test_a_folder_of_something_else_is_left_alone(
    tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    asked = ["--model", str(tiny.place / "base"), "--technique", "lora", "--sweep", "epochs=1,2", "-o", str(tmp_path)]
    code, problem = sweep(capsys, *tiny.options(), *asked)
    assert (code, problem["code"]) == (2, "output_exists")
    assert [one.name for one in tmp_path.iterdir()] == ["kept.txt"]


def request(better: str = "lower", **budget: Any) -> SweepRequest:
    content = {
        "parameters": {}, "order": [], "goal": "validation_loss" if better == "lower" else "exact_match",
        "better": better, "budget": budget,
    }  # fmt: skip
    return msgspec.convert(content, SweepRequest)


def trial(n: int, after: float | None, *, status: str = "succeeded", before: float = 2.0, **values: float) -> Trial:
    content = {
        "n": n, "values": values, "plan": "p" * 64, "folder": f"trials/{n}", "status": status, "before": before,
        "after": after,
    }  # fmt: skip
    return msgspec.convert(content, Trial)


@pytest.mark.parametrize(
    ("method", "task", "measured", "other"),
    [
        ("sft", "chat", "exact_match", "reward_accuracy"),
        ("dpo", "chat", "reward_accuracy", "token_accuracy"),
        ("sft", "text-classification", "macro_f1", "exact_match"),
        ("sft", "token-classification", "entity_f1", "accuracy"),
    ],
)
def test_a_goal_that_is_not_measured_is_refused_before_anything_is_spent(
    method: Any, task: Any, measured: str, other: str
) -> None:
    choices = PlanChoices(model="base", method=method)
    require_goal(measured, choices, task)
    with pytest.raises(TuneGateError) as raised:
        require_goal(other, choices, task)
    assert measured in str(raised.value.errors[0].allowed)


def test_of_equal_trials_the_cheaper_one_is_taken_and_that_is_said() -> None:
    trials = [
        trial(1, 0.5, **{EPOCHS: 3, RANK: 8}),
        trial(2, 0.5, **{EPOCHS: 1, RANK: 16}),
        trial(3, 0.5, **{EPOCHS: 1, RANK: 8}),
        trial(4, 0.9, **{EPOCHS: 1, RANK: 4}),
        trial(5, None, status="failed"),
    ]
    best = best_of(trials, request("lower"))
    assert best is not None
    assert (best.n, best.ties, best.better_than_before) == (3, [1, 2], True)
    assert "of 4 finished trials (0.5000); trials 1, 2 have the same: fewer epochs" in best.why
    assert "it was 2.0000 before training" in best.why
    highest = best_of(trials, request("higher"))
    assert highest is not None
    assert (highest.n, highest.better_than_before) == (4, False)


def test_that_no_trial_is_better_than_the_untuned_model_is_said_plainly() -> None:
    for after in (2.0, 2.5):
        best = best_of([trial(1, after), trial(2, 3.0)], request("lower"))
        assert best is not None
        assert (best.n, best.better_than_before) == (1, False)
        assert "NO trial is better than the model was before training (2.0000)" in best.why
    assert best_of([trial(1, None, status="failed"), trial(2, None)], request()) is None


def test_the_table_shows_every_trial_and_what_the_budget_left_out() -> None:
    trials = [
        trial(1, 1.5, **{RATE: 1.0}),
        trial(2, 1.0, **{RATE: 0.5}),
        trial(3, None, status="not_run", **{RATE: 2.0}),
    ]
    asked = request("lower", runs=2, minutes=90.0)
    made = Sweep(
        id="s" * 64, chain=SweepChain(None, None), goal="validation_loss", better="lower",
        parameters={RATE: [0.5, 1, 2]},
        budget=SweepBudget(runs=2, minutes=90.0), seed=1, trials=trials, best=best_of(trials, asked),
        left_out=left_out_text(trials, asked),
    )  # fmt: skip
    text = sweep_text(made, Path("out"))
    rows = [line.split() for line in text.splitlines()[2:5]]
    assert rows == [
        ["1", "1", "2.0000", "1.5000", "-0.5000", "succeeded"],
        ["*", "2", "0.5", "2.0000", "1.0000", "-1.0000", "succeeded"],
        ["3", "2", "not_run"],
    ]
    assert "1 of 3 trials were not run: the budget of 2 runs and 90 minutes is used up" in text


def test_the_budget_counts_what_was_tried_and_the_time_it_took(tiny: Any, tmp_path: Path) -> None:
    base = {"model": str(tiny.place / "base"), "technique": "lora"}
    lifted = [{"code": code, "reason": "tiny"} for code in ("lint_errors", "pii_findings")]
    choices = msgspec.convert(base | {"overrides": lifted}, PlanChoices)
    settings = load_settings()
    place = Place(
        out=tmp_path / "out", data=tiny.place / "train.jsonl", validation=tiny.place / "held-out.jsonl", decision=None,
        rules=rule_files(settings.rules), settings=settings, report=lambda _: None, say=lambda _: None,
    )  # fmt: skip
    asked = read_request(
        choices, sweep=["epochs=1,2,3,4"], goal="validation_loss", budget=["3,1.5m"], validated=True
    )  # fmt: skip
    ledger = Ledger(place.out, asked, planned_trials(asked, choices, place))
    assert [one.values[EPOCHS] for one in ledger.trials] == [3, 1, 4, 2]
    assert ledger.affords_another()
    ledger.change(1, status="succeeded", seconds=60.0)
    ledger.change(2, status="failed", seconds=29.0)
    assert ledger.affords_another()
    ledger.change(2, seconds=30.0)
    assert not ledger.affords_another()  # of time
    ledger.change(2, seconds=1.0)
    ledger.change(3, status="succeeded", seconds=1.0)
    assert not ledger.affords_another()  # of runs
    # a failure counts only while its folder is there, and the record of a try is taken up by the next one
    (ledger.folder(1)).mkdir(parents=True)
    again = Ledger(place.out, asked, planned_trials(asked, choices, place))
    assert [one.status for one in again.trials] == ["succeeded", "not_run", "not_run", "not_run"]
    assert again.trial(1).seconds == 60.0
