"""Checkpoints are complete or they do not exist; saving them stays a small share of the time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.contract import DatasetRef, TrainPlan
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.runfolder import claim, clear_leftovers
from trainers.training.checkpoints import COST_SHARE, INTERVAL_SECONDS, KEPT, MARK, Checkpoints, Schedule
from trainers.training.validation import best, evaluations_since_best

PLAN = "p" * 64


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def checkpoints(tmp_path: Path, said: list[str]) -> Checkpoints:
    return Checkpoints(tmp_path, PLAN, said.append)


def written(checkpoints: Checkpoints, step: int) -> Path:
    place = checkpoints.path(step)
    (place / "inner").mkdir(parents=True)
    (place / "weights").write_bytes(bytes([step]) * 100)
    (place / "inner" / "state").write_bytes(b"state")
    return place


def sealed(checkpoints: Checkpoints, *steps: int, best: int | None = None) -> None:
    for step in steps:
        written(checkpoints, step)
        checkpoints.seal(step, seconds=float(step), best=best)


def steps_left(checkpoints: Checkpoints) -> set[str]:
    return {path.name for path in checkpoints.folder.iterdir()}


def test_two_are_kept_and_the_newest_is_found(checkpoints: Checkpoints, said: list[str]) -> None:
    sealed(checkpoints, 5, 10, 100)
    mark = checkpoints.newest()
    assert mark is not None
    assert (mark.step, mark.seconds, mark.plan, said) == (100, 100.0, PLAN, [])
    assert {file.path for file in mark.files} == {"weights", "inner/state"}
    assert steps_left(checkpoints) == {"checkpoint-10", "checkpoint-100"}
    assert KEPT == 2


@pytest.mark.parametrize("damage", ["no mark", "half a mark", "shorter", "other bytes", "missing"])
def test_a_damaged_one_is_removed_said_and_the_one_before_is_taken(
    checkpoints: Checkpoints, said: list[str], damage: str
) -> None:
    sealed(checkpoints, 5, 10)
    place = checkpoints.path(10)
    if damage == "no mark":
        (place / MARK).unlink()
    elif damage == "half a mark":
        (place / MARK).write_bytes((place / MARK).read_bytes()[:50])
    elif damage == "shorter":
        (place / "weights").write_bytes(b"\n" * 99)
    elif damage == "other bytes":
        (place / "weights").write_bytes(b"x" * 100)
    else:
        (place / "inner" / "state").unlink()
    mark = checkpoints.newest()
    assert mark is not None
    assert mark.step == 5
    assert said == ["the checkpoint of step 10 is not complete and is left out"]
    assert steps_left(checkpoints) == {"checkpoint-5"}


def test_nothing_is_nothing(checkpoints: Checkpoints) -> None:
    assert checkpoints.newest() is None
    written(checkpoints, 3)
    assert checkpoints.newest() is None


def test_another_plans_checkpoint_is_never_resumed(checkpoints: Checkpoints, tmp_path: Path) -> None:
    sealed(checkpoints, 5)
    assert Checkpoints(tmp_path, "q" * 64, lambda _: None).newest() is None


def test_best_weights_live_as_long_as_a_checkpoint_names_them(checkpoints: Checkpoints) -> None:
    def kept_after(step: int, best: int) -> set[str]:
        checkpoints.best_path(best).mkdir(parents=True, exist_ok=True)
        sealed(checkpoints, step, best=best)
        return {path.name for path in checkpoints.bests.iterdir()}

    assert kept_after(3, best=2) == {"2"}
    assert kept_after(5, best=4) == {"2", "4"}
    assert kept_after(7, best=4) == {"4"}


def test_without_checkpoints_only_the_best_weights_stay(checkpoints: Checkpoints) -> None:
    for step in (2, 4):
        checkpoints.best_path(step).mkdir(parents=True)
        checkpoints.keep_only_best(step)
    assert [place.name for place in checkpoints.bests.iterdir()] == ["4"]


def test_a_checkpoint_without_its_best_weights_is_not_complete(checkpoints: Checkpoints) -> None:
    checkpoints.best_path(2).mkdir(parents=True)
    sealed(checkpoints, 2, best=2)
    checkpoints.best_path(2).rmdir()
    assert checkpoints.newest() is None


def test_what_was_not_sealed_gives_its_space_back(checkpoints: Checkpoints) -> None:
    sealed(checkpoints, 5)
    written(checkpoints, 7)
    checkpoints.forget_unsealed()
    assert steps_left(checkpoints) == {"checkpoint-5"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    st.lists(st.floats(0.001, 400), min_size=50, max_size=50),
    st.floats(0, 30),
    st.integers(0, 10**11),
    st.integers(1, 20),
)
def test_saving_never_costs_more_than_its_share(
    step_seconds: list[float], save_seconds: float, expected_bytes: int, per_epoch: int
) -> None:
    clock, spent = Clock(), 0.0
    schedule = Schedule(None, expected_bytes=expected_bytes, clock=clock)
    for step, seconds in enumerate(step_seconds, 1):
        clock.now += seconds
        if schedule.due(step, epoch_end=step % per_epoch == 0):
            schedule.begin()
            clock.now += save_seconds
            schedule.saved()
            spent += save_seconds
    # the first save is judged by an assumed speed, every later one by the last
    assert spent - save_seconds <= (clock.now - 1000.0) / COST_SHARE + 1e-6


def test_a_checkpoint_comes_at_the_end_of_an_epoch_or_after_five_minutes() -> None:
    clock = Clock()
    schedule = Schedule(None, expected_bytes=0, clock=clock)
    clock.now += INTERVAL_SECONDS - 1
    assert schedule.due(1, epoch_end=True)
    assert not schedule.due(1, epoch_end=False)
    clock.now += 1
    assert schedule.due(1, epoch_end=False)


def test_a_plan_may_say_how_many_steps_lie_between() -> None:
    schedule = Schedule(3, expected_bytes=10**12)
    assert [step for step in range(1, 10) if schedule.due(step, epoch_end=step == 5)] == [3, 6, 9]


def test_the_best_measurement_is_the_earliest_of_the_lowest() -> None:
    losses = [3.0, 2.0, 2.5, 2.0, 2.1]
    history = [{"step": n, "validation_loss": loss} for n, loss in enumerate(losses, 1)] + [{"step": 9, "loss": 0.1}]
    assert best(history) == (2, 2.0)
    assert evaluations_since_best(history) == 3
    assert best([]) is None


def records(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]


def said_step(writer: ProgressWriter, step: int, loss: float) -> bool:
    return writer.step(step=step, total=9, loss=loss, learning_rate=0.1, epoch=None)


def test_a_repeated_step_has_one_record_and_another_loss_is_told(tmp_path: Path) -> None:
    writer = ProgressWriter(tmp_path)
    assert said_step(writer, 1, 0.5)
    assert said_step(writer, 2, 0.25)
    again = ProgressWriter(tmp_path)
    assert again.last_step == 2
    assert not said_step(again, 1, 0.5)
    assert len(records(tmp_path)) == 2
    assert not said_step(again, 2, 0.26)
    assert said_step(again, 3, 0.2)
    events = [(one["event"], one.get("step")) for one in records(tmp_path)]
    assert events == [("step", 1), ("step", 2), ("log", None), ("step", 3)]
    assert "step 2 was repeated with another loss" in str(records(tmp_path)[2]["message"])


@pytest.mark.parametrize("rest", ['{"n": 3, "ev', "\0\0\0\0\n", '{"n": 3}\n'])
def test_a_record_that_was_cut_off_is_removed_and_its_number_used_again(tmp_path: Path, rest: str) -> None:
    writer = ProgressWriter(tmp_path)
    writer.phase("train")
    said_step(writer, 1, 0.5)
    with (tmp_path / "progress.jsonl").open("a") as handle:
        handle.write(rest)
    ProgressWriter(tmp_path).log("on")
    assert [one["n"] for one in records(tmp_path)] == [1, 2, 3]


def test_a_folder_belongs_to_the_settings_it_was_started_with(make_plan: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan = msgspec.json.decode(make_plan().read_bytes(), type=TrainPlan)
    out.mkdir()
    (out / "plan.json").write_bytes(msgspec.json.encode(plan))
    assert claim(out, plan)
    moved = msgspec.structs.replace(plan, model="/elsewhere", dataset=DatasetRef(path="b", sha256=plan.dataset.sha256))
    assert claim(out, moved)
    edited = msgspec.structs.replace(plan, technique="full")
    (out / "plan.json").write_bytes(msgspec.json.encode(edited))  # by hand, the id left as it was
    with pytest.raises(TrainerError) as raised:
        claim(out, edited)
    assert (raised.value.failure.code, raised.value.exit_code) == ("plan_mismatch", 2)
    assert "technique: 'lora' there, 'full' here" in raised.value.failure.detail
    assert not claim(tmp_path / "new", plan)


def test_unfinished_files_of_a_killed_run_go_and_nothing_else(tmp_path: Path) -> None:
    for name in (".adapter.123", "onnx/.fp32.77", ".work/.merged.5", "adapter", "onnx/fp32", ".work/merged", ".mine"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("result.json", ".work/failure.json", ".work/.part-x.json.9", "plan.json"):
        (tmp_path / name).write_text("{}")
    clear_leftovers(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {"onnx", ".work", "adapter", "onnx/fp32", ".work/merged", ".mine", "plan.json"}
