"""tunegate advise on a real terminal: it asks one question at a time, with choices, units and "don't know"."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT_SECONDS = 30


class Terminal:
    """The command on a pseudo-terminal; stdout is apart, as it is for a person who redirects it."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service", "advise", *arguments],
            stdin=slave, stderr=slave, stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def until(self, *expected: str) -> str:
        """What was shown since the last call, up to the text that is waited for."""
        end = time.monotonic() + LIMIT_SECONDS
        start = len(self.seen)
        while not all(one in self.seen[start:] for one in expected) or not self.seen.endswith("> "):
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"waited for {expected}, saw {self.seen[start:]!r}"
            self.seen += os.read(self.master, 4096).decode()
        return self.seen[start:]

    def say(self, reply: str) -> None:
        os.write(self.master, f"{reply}\n".encode())
        self.seen += reply

    def rest(self, reply: str) -> str:
        """Give the same reply to every further question; what was shown until the command closed the terminal."""
        start = len(self.seen)
        while True:
            try:
                self.until("don't know")
            except OSError:
                return self.seen[start:]
            self.say(reply)

    def finish(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=LIMIT_SECONDS)
        os.close(self.master)
        return self.process.returncode, out


def asleep(pid: int) -> None:
    """Return when a process waits for a key: Python loses a Ctrl-C of the moment in which it begins to wait."""
    end, times = time.monotonic() + LIMIT_SECONDS, 0
    while times < 5 and time.monotonic() < end:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        times = times + 1 if state == "S" else 0
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path))


def test_one_reply_can_end_it() -> None:
    terminal = Terminal()
    terminal.until("Is there an evaluation", "yes or no", "? = don't know")
    terminal.say("no")
    code, out = terminal.finish()
    assert code == 0
    assert "build-evaluation" in out


def test_choices_are_taken_by_number_or_name_and_wrong_replies_are_explained() -> None:
    terminal = Terminal("--set", "eval.exists=yes")
    shown = terminal.until("What is missing in today's answers?")
    assert "4  knowledge" in shown
    terminal.say("knowlege")
    assert "Did you mean 'knowledge'?" in terminal.until("allowed is")
    terminal.say("4")
    terminal.until("Was prompt engineering tried")
    terminal.say("yes")
    terminal.until("Was retrieval tried")
    terminal.say("no")
    code, out = terminal.finish()
    assert code == 0
    assert "rag" in out


def test_numbers_have_their_unit_and_what_is_not_known_is_left_open() -> None:
    facts = ["eval.exists=yes", "gap.kind=latency-cost", "tried.prompt=yes", "answer.grounded=no"]
    terminal = Terminal(*(part for fact in facts for part in ("--set", fact)))
    assert "an integer from 0 (conversations)" in terminal.until("How many valid conversations", "measured by")
    terminal.say("?")
    assert "How many valid conversations" not in terminal.rest("?")
    code, out = terminal.finish()
    assert code == 1
    assert "missing data.rows" in out


def test_a_contradiction_is_explained_and_asked_again() -> None:
    facts = [
        "eval.exists=yes", "gap.kind=behaviour", "tried.prompt=yes", "tried.few_shot=yes", "answer.grounded=no",
        "data.rows=90", "scenario=chatbot", "compute.managed_by=provider", "control.needed=no",
    ]  # fmt: skip
    terminal = Terminal(*(part for fact in facts for part in ("--set", fact)))
    terminal.until("What must come out?")
    terminal.say("onnx")
    assert "or artifact.needed = hosted." in terminal.until("CON-010").replace("\r\n", " ")
    terminal.say("hosted")
    code, out = terminal.finish()
    assert code == 0
    assert "azure-openai" in out


def test_tagalog_questions_and_replies() -> None:
    terminal = Terminal("--lang", "tl")
    terminal.until("May ebalwasyon na ba", "oo o hindi", "hindi alam")
    terminal.say("hindi")
    code, out = terminal.finish()
    assert code == 0
    assert "gumawa muna ng ebalwasyon" in out


def test_ctrl_c_ends_it_with_130_and_nothing_on_stdout() -> None:
    terminal = Terminal()
    terminal.until("Is there an evaluation")
    asleep(terminal.process.pid)
    os.killpg(terminal.process.pid, signal.SIGINT)
    code, out = terminal.finish()
    assert (code, out) == (130, "")
