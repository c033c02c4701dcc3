"""The processes that answer: their queue, their end, how many there are, and the three engines' answers."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from service.errors import TuneGateError
from service.launch import answering
from service.launch.answering import Answerers, AnsweringProcess
from trainers.answering.answerer import Answerer, open_answerer
from trainers.answers import Answered, Began, Engine, Piece, Question, Refused, Said
from trainers.problems import TrainerError

if TYPE_CHECKING:
    from conftest import Service

Freeze = Callable[[int], None]
ENGINES: tuple[Engine, ...] = ("onnxruntime-genai", "onnxruntime", "torch")


def question(identifier: str = "q", text: str = "What about the quokka?", **more: Any) -> Question:
    return Question(id=identifier, messages=[{"role": "user", "content": text}], **{"max_tokens": 12} | more)


@pytest.fixture(scope="module")
def onnx(service: Service) -> Path:
    return service.run() / "onnx" / "fp32"


@pytest.fixture(scope="module")
def engines(service: Service, onnx: Path) -> dict[Engine, Answerer]:
    folders = {"torch": service.run() / "model"}
    return {engine: open_answerer(folders.get(engine, onnx), engine, threads=1) for engine in ENGINES}


def answered(answerer: Answerer, asked: Question) -> Answered:
    said = list(answerer.answer(asked))
    last = said[-1]
    assert isinstance(last, Answered)
    assert "".join(one.text for one in said if isinstance(one, Piece)) == last.text
    assert isinstance(said[0], Began)
    return last


@pytest.mark.parametrize("more", [{}, {"temperature": 1.3, "seed": 4}, {"temperature": 0.7, "top_p": 0.5, "seed": 9}])
def test_the_engines_answer_alike_whether_greedy_or_drawn(engines: dict[Engine, Answerer], more: Any) -> None:
    first, *others = [answered(engines[engine], question(max_tokens=40, **more)) for engine in ENGINES]
    for other in others:
        assert (other.text, other.completion_tokens, other.finish_reason) == (
            first.text, first.completion_tokens, first.finish_reason,
        )  # fmt: skip
    assert first.completion_tokens > 5


def test_an_answer_is_read_again_where_the_rotation_changes(engines: dict[Engine, Answerer]) -> None:
    """The builder's graph has one rotation here, so reading again must change nothing of the answer."""
    for engine in ENGINES[:2]:
        plain = engines[engine]
        prompt = answered(plain, question()).prompt_tokens
        switched = Answerer(
            plain._model, plain._tokenizer, context=plain.context, ends=plain._ends, switch=prompt + 5
        )  # fmt: skip
        assert answered(switched, question()).text == answered(plain, question()).text


def test_the_context_is_filled_to_its_last_token_and_never_beyond(engines: dict[Engine, Answerer]) -> None:
    for engine in ENGINES:
        answerer = engines[engine]
        asked = question(max_tokens=None, temperature=1.0, seed=0)
        answer = answered(answerer, asked)
        assert answer.prompt_tokens + answer.completion_tokens <= 256
        room = 256 - answer.prompt_tokens
        assert answered(answerer, question(max_tokens=room)).completion_tokens <= room
        with pytest.raises(TrainerError, match="context"):
            answered(answerer, question(max_tokens=room + 1))


@pytest.fixture(scope="module")
def process(onnx: Path) -> Iterator[AnsweringProcess]:
    """Killed by the last test that takes it."""
    running = AnsweringProcess(onnx, "onnxruntime", threads=1)
    yield running
    running.close()


def test_questions_are_answered_in_their_order_and_cancelled_ones_are_not(
    process: AnsweringProcess, freeze: Freeze
) -> None:
    assert process.wait_ready().context == 256
    freeze(process.pid)
    heard: queue.SimpleQueue[Said] = queue.SimpleQueue()
    for name in ("a", "b", "c"):
        process.ask(question(name), heard.put)
    process.cancel("b")
    assert process.asked == 2
    os.kill(process.pid, signal.SIGCONT)
    order = []
    while len(order) < 2:
        said = heard.get(timeout=60)
        assert said.id != "b"
        order += [said.id] if isinstance(said, Answered) else []
    assert order == ["a", "c"]


def test_a_question_that_cannot_be_answered_ends_no_other(process: AnsweringProcess) -> None:
    with pytest.raises(TuneGateError) as found:
        list(process.answers(question(max_tokens=9999)))
    assert found.value.code == "context_overflow"
    with pytest.raises(TuneGateError) as wrong:
        list(process.answers(Question(id="w", messages=[{"role": "user", "content": 5}])))
    assert wrong.value.code == "invalid_input"
    assert isinstance(list(process.answers(question()))[-1], Answered)


def test_a_killed_process_tells_everybody_who_waits(process: AnsweringProcess, freeze: Freeze) -> None:
    heard: queue.SimpleQueue[Said] = queue.SimpleQueue()
    freeze(process.pid)
    process.ask(question("a"), heard.put)
    os.kill(process.pid, signal.SIGKILL)
    said = heard.get(timeout=60)
    assert isinstance(said, Refused)
    process.ask(question("b"), heard.put)
    assert {said.code, heard.get(timeout=60).code} == {"answerer_ended"}  # type: ignore[union-attr]
    assert not process.alive


def test_a_model_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    process = AnsweringProcess(tmp_path, "onnxruntime")
    with pytest.raises(TuneGateError) as found:
        process.wait_ready()
    assert (found.value.code, bool(found.value.remedy)) == ("unreadable_model", True)
    process.close()


def test_it_ends_after_a_rest(onnx: Path) -> None:
    command = [sys.executable, "-m", "trainers.answering", str(onnx), "--threads", "1"]
    with subprocess.Popen([*command, "--idle-seconds", "0.1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as rests:
        assert rests.stdout is not None
        assert json.loads(rests.stdout.readline())["engine"] == "onnxruntime-genai"
        assert rests.wait(100) == 0


def test_no_more_models_than_allowed_and_resting_ones_make_room(
    onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, freeze: Freeze
) -> None:
    other = tmp_path / "other"
    other.symlink_to(onnx)
    models = Answerers(most=1, idle_seconds=60)
    heard: queue.SimpleQueue[Said] = queue.SimpleQueue()
    try:
        first = models.ask(onnx, "onnxruntime", question("a"), heard.put)
        freeze(first.pid)
        with pytest.raises(TuneGateError, match="1 other models answer") as found:
            models.ask(other, "onnxruntime", question("b"), heard.put)
        assert found.value.code == "busy"
        os.kill(first.pid, signal.SIGCONT)
        while not isinstance(heard.get(timeout=60), Answered):
            pass
        assert models.ask(other, "onnxruntime", question("c"), heard.put).pid != first.pid
        assert not first.alive or first._process.wait(60) is not None
        models.close()
        monkeypatch.setattr(answering, "_free_bytes", lambda: 2**20)
        with pytest.raises(TuneGateError, match="GiB of memory"):
            Answerers(most=1, idle_seconds=60).ask(onnx, "onnxruntime", question("d"), heard.put)
    finally:
        models.close()
    left = [one for one in psutil.Process().children() if "trainers.answering" in " ".join(one.cmdline())]
    psutil.wait_procs(left, timeout=60)
    assert not [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_the_service_ends_its_processes_when_it_is_killed(onnx: Path, tmp_path: Path) -> None:
    """Whoever asks may be killed outright: the pipe that breaks is enough."""
    script = (
        "import sys, time; from pathlib import Path; from service.launch.answering import AnsweringProcess\n"
        "one = AnsweringProcess(Path(sys.argv[1]), 'onnxruntime'); print(one.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(onnx)], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        child = psutil.Process(int(asker.stdout.readline()))
        asker.kill()
    deadline = time.monotonic() + 60
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
