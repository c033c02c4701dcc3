"""`tunegate chat` on the artifact of a real job: questions of scripts, and a conversation on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from service.cli.app import run

if TYPE_CHECKING:
    from conftest import Service

ASKED = "What about the quokka?"
COMMAND = [sys.executable, "-m", "service", "chat"]


def chat(capfd: Any, *arguments: object) -> tuple[int, str, str]:
    code = run(["chat", *map(str, arguments)])
    said = capfd.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def artifact(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, as somebody unpacks it elsewhere."""
    copy = tmp_path_factory.mktemp("unpacked") / "artifact"
    shutil.copytree(service.run(), copy, ignore=shutil.ignore_patterns("model", ".*"))
    return copy


def test_a_script_gets_the_answer_alone_and_the_routes_own(service: Service, artifact: Path, capfd: Any) -> None:
    completion = service.client().chat.completions.create(
        model="fp32", max_tokens=9, messages=[{"role": "system", "content": "Be"}, {"role": "user", "content": ASKED}]
    )
    before = sorted(artifact.rglob("*"))
    options = ("--once", ASKED, "--system", "Be", "--max-new-tokens", 9)
    code, text, said = chat(capfd, artifact, *options)
    assert (code, text, said) == (0, f"{completion.choices[0].message.content}\n", "")
    code, text, said = chat(capfd, artifact / "onnx" / "fp32", *options, "--format", "json")
    assert json.loads(text) == {
        "answer": completion.choices[0].message.content,
        "usage": {
            "prompt_tokens": completion.usage.prompt_tokens, "completion_tokens": 9,
            "total_tokens": completion.usage.prompt_tokens + 9,
        },
        "finish_reason": "length",
    }  # fmt: skip
    assert sorted(artifact.rglob("*")) == before


def test_a_question_may_be_piped_and_a_system_text_may_stand_in_a_file(service: Service, tmp_path: Path) -> None:
    (tmp_path / "system.txt").write_text("Be")
    command = [*COMMAND, str(service.run() / "model"), "--system", f"@{tmp_path / 'system.txt'}"]
    environment = os.environ | {"HOME": str(tmp_path / "home")}
    asked = [*command, "--max-new-tokens", "9", "--format", "json"]
    done = subprocess.run(asked, input=ASKED.encode(), env=environment, capture_output=True, check=True)
    reply = json.loads(done.stdout)
    onnx = run_json(service.run(), "--once", ASKED, "--system", "Be", "--max-new-tokens", "9")
    assert reply == onnx
    assert not (tmp_path / "home").exists()


def run_json(*arguments: object) -> Any:
    done = subprocess.run([*COMMAND, *map(str, arguments), "--format", "json"], capture_output=True, check=True)
    return json.loads(done.stdout)


def test_a_damaged_artifact_is_refused_unless_told_otherwise(artifact: Path, tmp_path: Path, capfd: Any) -> None:
    copy = tmp_path / "damaged"
    shutil.copytree(artifact, copy)
    card = copy / "onnx" / "fp32" / "tokenizer_config.json"
    card.write_text(card.read_text() + " ")
    (copy / "onnx" / "fp32" / "added.py").write_text("")
    for folder in (copy, copy / "onnx" / "fp32"):
        code, text, said = chat(capfd, folder, "--once", ASKED)
        assert (code, text) == (1, "")
        assert "onnx/fp32/tokenizer_config.json; saw" in said
        assert "onnx/fp32/added.py; saw not in the manifest" in said
    code, text, _ = chat(capfd, copy, "--once", ASKED, "--skip-verify", "--max-new-tokens", 2)
    assert (code, bool(text)) == (0, True)
    (copy / "manifest.json").write_text("{")
    assert chat(capfd, copy, "--once", ASKED)[0] == 1
    outside = json.loads((artifact / "manifest.json").read_text())
    outside["onnx"][0]["path"] = "../elsewhere/model.onnx"
    (copy / "manifest.json").write_text(json.dumps(outside))
    assert chat(capfd, copy, "--once", ASKED, "--skip-verify")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere", "--once", "x"], 2, "no such folder"),
        (["ARTIFACT", "--once", "x", "--precision", "int4"], 2, "There is: fp32"),
        (["ARTIFACT/onnx/fp32", "--once", "x", "--precision", "fp32"], 2, "only an artifact"),
        (["ARTIFACT", "--once", " "], 2, "empty"),
        (["ARTIFACT", "--once", "x", "--system", "@nowhere"], 2, "nowhere"),
        (["ARTIFACT", "--once", "x", "--temperature", "3"], 2, "temperature"),
        (["ARTIFACT", "--once", "mellifluous", "--max-new-tokens", "300"], 2, "context"),
    ],
)
def test_what_cannot_be_asked_is_said(artifact: Path, capfd: Any, arguments: list[str], code: int, told: str) -> None:
    given = [one.replace("ARTIFACT", str(artifact)) for one in arguments]
    found, text, said = chat(capfd, *given)
    assert (found, text) == (code, "")
    assert told in said
    assert "mellifluous" not in said


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, *arguments: object) -> None:
        self._own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 9000, 0, 0))  # no line is scrolled
        environment = os.environ | {"TERM": "dumb", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        )  # fmt: skip
        os.close(theirs)
        self._seen = ""

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C once the command waits: just before, it would be noticed only at the next key (CPython's input)."""
        deadline = time.monotonic() + 100
        while psutil.Process(self.process.pid).status() != psutil.STATUS_SLEEPING:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.type("\x03")

    def until(self, wanted: str) -> str:
        """What came up to the wanted text, which is then behind us."""
        while wanted not in self._seen:
            heard, _, _ = select.select([self._own], [], [], 100)
            assert heard, self._seen
            self._seen += os.read(self._own, 4096).decode(errors="replace")
        before, _, self._seen = self._seen.partition(wanted)
        return before

    def model(self) -> psutil.Process:
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._own)


@pytest.fixture
def terminal(artifact: Path, tmp_path: Path) -> Iterator[Terminal]:
    """With an artifact of which onnxruntime-genai was not verified."""
    copy = tmp_path / "artifact"
    shutil.copytree(artifact, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["onnx"][0]["genai"] |= {"verified": False, "why": "it answers otherwise"}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    made = Terminal(copy, "--max-new-tokens", 6)
    yield made
    made.close()


def until_asked(model: psutil.Process) -> None:
    """Until a question lies in the pipe of a model that is stopped."""
    waiting, deadline = 0, time.monotonic() + 100
    with Path(f"/proc/{model.pid}/fd/0").open("rb", buffering=0) as pipe:
        while not waiting:
            assert time.monotonic() < deadline
            time.sleep(0.02)
            (waiting,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))


def test_a_conversation_on_a_terminal(terminal: Terminal, freeze: Callable[[int], None]) -> None:
    assert "fp32 by onnxruntime 1." in (banner := terminal.until("> "))
    assert "not by onnxruntime-genai: it answers otherwise" in banner
    terminal.type(f"{ASKED}\n")
    first = terminal.until("> ")
    terminal.type(f"{ASKED}\n")
    second = terminal.until("> ")
    terminal.type("/reset\n")
    assert "(forgotten)" in terminal.until("> ")
    terminal.type(f"{ASKED}\n")
    assert terminal.until("> ") == first != second
    model = terminal.model()
    freeze(model.pid)
    terminal.type("Where is it?\n")
    until_asked(model)
    terminal.interrupt()
    assert "(stopped" in terminal.until("> ")
    model.send_signal(signal.SIGCONT)
    terminal.type("/reset\n")
    terminal.until("> ")
    terminal.type(f"{ASKED}\n")
    assert terminal.until("> ") == first
    terminal.type(f"{'quokka ' * 300}\n")
    assert "Longer than the model's context" in terminal.until("> ")
    terminal.interrupt()
    terminal.until("again leaves)")
    terminal.until("> ")
    terminal.interrupt()
    assert terminal.process.wait(60) == 130
    psutil.wait_procs([model], timeout=60)
    assert not model.is_running()


def test_the_end_of_input_and_quit_leave_with_0(service: Service) -> None:
    for leaving in ("\x04", "/quit\n"):
        terminal = Terminal(service.run())
        terminal.until("> ")
        terminal.type(leaving)
        assert terminal.process.wait(60) == 0
        terminal.close()
