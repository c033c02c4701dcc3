"""Asks a model, a run or an ONNX export on this machine: `python -m trainers.answering DIR`, one line per message.

The process is started with the first question and ended with the evaluation; it answers one question after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
from typing import Any

import msgspec

from service.errors import TuneGateError
from service.evaluate.answers import ExpectedCall
from service.evaluate.asker import Reply, Unanswered
from service.evaluate.models import Model
from service.evaluate.prompts import Prompt
from service.records.identity import digest

_MODULE = "trainers.answering"
_OVERLONG = "context_overflow"
# a line holds a whole answer
_LONGEST_LINE = 32 << 20
_END_SECONDS = 10.0
# hexadecimal digits of a seed: 31 bits and less, which every engine takes
_SEED_DIGITS = 7


class _Said(msgspec.Struct, frozen=True):
    """A line of the process; the fields that its `type` does not have are null."""

    type: str
    id: str | None = None
    text: str | None = None
    calls: list[ExpectedCall] = []
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    code: str | None = None
    detail: str = ""
    remedy: str = ""
    engine: str | None = None


class ProcessAsker:
    """One model in a process of its own."""

    def __init__(self, model: Model, *, seed: int, engine: str | None = None, command: list[str] | None = None) -> None:
        """Start nothing yet; `engine` is what opens the folder, null for its own choice, `command` what to start."""
        self._model, self._seed = model, seed
        chosen = [] if engine is None else ["--engine", engine]
        self._command = command or [sys.executable, "-P", "-m", _MODULE, str(model.folder), *chosen]
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._engine: str | None = None

    @property
    def engine(self) -> str | None:
        return self._engine

    def request(self, prompt: Prompt) -> dict[str, Any]:
        """The question with its seed, without the number that tells it apart."""
        question = {
            "messages": prompt.messages,
            "tools": prompt.tools,
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_new_tokens,
        }
        return {**question, "seed": self._seed_of(question, prompt.sample) if prompt.temperature > 0 else None}

    async def ask(self, prompt: Prompt) -> Reply:
        """Ask, and read until this question is answered."""
        async with self._turn:
            process = await self._started()
            number = next(self._numbers)
            question = {"type": "question", "id": str(number), **self.request(prompt)}
            try:
                _stdin(process).write(msgspec.json.encode(question) + b"\n")
                await _stdin(process).drain()
            except OSError as error:
                raise self._died() from error
            while True:
                said = await self._next(process)
                if said.id != str(number):
                    continue
                if said.type == "answered":
                    return Reply(
                        text=said.text,
                        calls=said.calls,
                        tokens_in=said.prompt_tokens,
                        tokens_out=said.completion_tokens,
                        seconds=said.seconds,
                    )
                if said.type == "refused":
                    raise Unanswered("too_long" if said.code == _OVERLONG else "refused_request")

    async def close(self) -> None:
        """End the process by closing its input; one that does not end is killed."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        _stdin(process).close()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _seed_of(self, question: dict[str, Any], sample: int) -> int:
        """The question's own: an evaluation that goes on draws other answers than those that it has."""
        return int(digest([self._seed, self._model.identity, question, sample])[:_SEED_DIGITS], 16)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            pipe = asyncio.subprocess.PIPE
            # its own words may hold what it was asked
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=pipe,
                stdout=pipe,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LONGEST_LINE,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
            )
            said = await self._next(self._process)
            if said.type == "refused":
                why = said.detail or "The model cannot be loaded."
                raise TuneGateError("unreadable_model", f"model {self._model.id}: {why}", remedy=said.remedy)
            self._engine = said.engine
        if self._process.returncode is not None:
            raise self._died()
        return self._process

    async def _next(self, process: asyncio.subprocess.Process) -> _Said:
        assert process.stdout is not None
        try:
            line = await process.stdout.readline()
            return msgspec.json.decode(line, type=_Said)
        except (ValueError, msgspec.DecodeError) as error:
            raise self._died() from error

    def _died(self) -> TuneGateError:
        return TuneGateError(
            "trainer_died",
            f"model {self._model.id}: the process that answers ended, or said what cannot be read.",
            remedy="The answers so far are kept: the same command goes on. `tunegate chat` says what the model lacks.",
        )


def _stdin(process: asyncio.subprocess.Process) -> asyncio.StreamWriter:
    assert process.stdin is not None
    return process.stdin
