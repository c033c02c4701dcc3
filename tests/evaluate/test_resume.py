"""The evaluation folder: killed at any time, the same command goes on and asks for nothing twice."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scripted_endpoint import Endpoint, Said, Write, chat, right

from service.errors import TuneGateError
from service.evaluate.answer_log import ANSWERS, AnswerLog, Entry
from service.evaluate.kept_measures import FOLDER
from service.records.evaluation import Goal
from service.verbs.evaluate import Evaluated, EvaluateRequest, evaluate

ROOT = Path(__file__).resolve().parents[2]
BEFORE_KILL = 9
Model = Callable[..., str]


def ask(*models: str, **more: Any) -> Evaluated:
    return evaluate(EvaluateRequest(files=[Path("rows.jsonl")], out=Path("out"), models=list(models), **more))


def kept() -> int:
    path = Path("out") / ANSWERS
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_evaluation_goes_on(questions: Path, model: Model, how: signal.Signals) -> None:
    stopped = False

    def rule(body: dict[str, Any], number: int) -> Said:
        return Said(hang=True) if len(endpoint.bodies) > BEFORE_KILL and not stopped else right(body, number)

    with Endpoint(rule) as endpoint:
        asked = model(endpoint.url)
        command = [sys.executable, "-m", "service", "evaluate", "rows.jsonl", "--model", asked, "-o", "out"]
        with subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            wait_for(lambda: kept() == BEFORE_KILL and len(endpoint.bodies) > BEFORE_KILL)
            process.send_signal(how)
            printed = process.communicate(timeout=60)
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert printed[0] == b""
            assert b"Interrupted" in printed[1]
        answered = endpoint.questions[:BEFORE_KILL]
        stopped = True
        made = ask(asked)
    assert (made.cached, made.asked, made.record.cells[0].answered) == (BEFORE_KILL, 20 - BEFORE_KILL, 20)
    counts = Counter(endpoint.questions)
    assert [counts[one] for one in answered] == [1] * BEFORE_KILL
    assert len(counts) == 20


def test_a_line_that_breaks_off_is_asked_again_and_nothing_else(questions: Path, model: Model) -> None:
    with Endpoint(right) as endpoint:
        asked = model(endpoint.url)
        ask(asked)
        path = Path("out") / ANSWERS
        content = path.read_bytes()
        path.write_bytes(content[:-7])
        Path("out/evaluation.json").unlink()
        made = ask(asked)
        assert (made.asked, made.cached, len(endpoint.bodies)) == (1, 19, 21)
        assert sorted(path.read_bytes().splitlines()) != []
        assert all(msgspec.json.decode(line, type=Entry).reply for line in path.read_bytes().splitlines())


def test_a_line_of_something_else_is_refused(questions: Path, model: Model) -> None:
    Path("out").mkdir()
    (Path("out") / ANSWERS).write_text('{"key": 3}\n')
    with pytest.raises(TuneGateError, match=r"answers\.jsonl:1: no line") as raised:
        ask(model("http://127.0.0.1:9/v1"))
    assert raised.value.exit_code == 2


def test_what_was_finished_is_neither_asked_nor_measured_again(questions: Path, write: Write, model: Model) -> None:
    with Endpoint(right) as endpoint:
        asked = model(endpoint.url)
        first = ask(asked)
        again = ask(asked)
        assert again.from_before
        assert again.record == first.record
        rows = questions.read_text().splitlines(keepends=True)
        questions.write_text("".join(rows[:10]))
        fewer = ask(asked)
        assert (fewer.from_before, fewer.asked, fewer.cached) == (False, 0, 10)
        Path("out/evaluation.json").write_text(json.dumps({"edited": True}))
        assert not ask(asked).from_before
    assert len(endpoint.bodies) == 20


def test_answers_of_endpoints_outlive_new_versions_of_ours(write: Write, model: Model) -> None:
    """The key was computed by the first version: whoever paid for answers keeps them."""
    write("rows.jsonl", [chat("question 0", "answer 0")])
    key = "c405a89896d971d9cdd413d377cbdd0d7aaee5e4b1db80a22d7f95d53cd35042"
    write("out/answers.jsonl", [{"key": key, "reply": {"text": "answer 0"}}])
    made = ask(model("http://127.0.0.1:9/v1"))
    assert (made.asked, made.cached, made.record.cells[0].measures["exact_match"].value) == (0, 1, 1.0)


def test_another_goal_asks_and_measures_nothing(questions: Path, model: Model) -> None:
    with Endpoint(right) as endpoint:
        asked = model(endpoint.url)
        ask(asked, goal="exact_match>=80%")
        files = {path: path.stat().st_mtime_ns for path in Path("out", FOLDER).iterdir()}
        more = ask(asked, goal="token_f1>=99%")
        assert (more.from_before, more.asked, more.record.goal) == (False, 0, Goal("token_f1", 0.99))
        assert {path: path.stat().st_mtime_ns for path in Path("out", FOLDER).iterdir()} == files != {}
        made = evaluate(EvaluateRequest(files=[questions], out=Path("new"), models=[asked], goal="token_f1>=99%"))
        assert made.record.id == more.record.id


@pytest.mark.parametrize(
    "changed",
    [{"temperature": 0.5}, {"max_new_tokens": 9}, {"models": "other"}, {"variants": "s.toml"}],
)
def test_another_request_is_another_answer(
    questions: Path, write: Write, model: Model, changed: dict[str, Any]
) -> None:
    write("s.toml", 'id = "zero-shot"\nsystem = "Be short."\n')
    with Endpoint(right) as endpoint:
        ask(model(endpoint.url))
        name = changed.pop("models", "m")
        variants = [Path(changed.pop("variants"))] if "variants" in changed else []
        ask(model(endpoint.url, name=name), variants=variants, **changed)
    assert len(endpoint.bodies) == 40


def test_the_folder_is_the_users_alone(questions: Path, model: Model) -> None:
    Path("out").mkdir(mode=0o755)
    with Endpoint(right) as endpoint:
        ask(model(endpoint.url))
    assert stat.S_IMODE(Path("out").stat().st_mode) == 0o700
    assert stat.S_IMODE((Path("out") / ANSWERS).stat().st_mode) == 0o600


def test_a_folder_of_something_else_and_one_that_is_in_use_are_refused(questions: Path, model: Model) -> None:
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine")
    with pytest.raises(TuneGateError) as raised:
        ask(model("http://127.0.0.1:9/v1"))
    assert (raised.value.code, sorted(one.name for one in Path("out").iterdir())) == ("output_exists", ["thesis.txt"])
    Path("out/thesis.txt").unlink()
    asked = model("http://127.0.0.1:9/v1")
    with AnswerLog(Path("out")), pytest.raises(TuneGateError) as raised:
        ask(asked)
    assert (raised.value.code, raised.value.exit_code) == ("run_locked", 3)
    # whoever else holds it is no trainer
    assert "trainer" not in raised.value.title


def test_what_can_be_read_only_once_is_refused_by_its_name(questions: Path, model: Model) -> None:
    """`evaluate <(cat rows.jsonl)`: the rows are read for the record's key, and again to be asked."""
    reading, writing = os.pipe()
    os.write(writing, questions.read_bytes())
    os.close(writing)
    asked = model("http://127.0.0.1:9/v1")
    named = [Path(f"/dev/fd/{reading}")]
    try:
        with pytest.raises(TuneGateError) as raised:
            evaluate(EvaluateRequest(files=named, regression=named, out=Path("out"), models=[asked]))
    finally:
        os.close(reading)
    assert (raised.value.code, [one.where for one in raised.value.errors]) == ("unreadable_path", [str(named[0])] * 2)
    assert not Path("out").exists()
