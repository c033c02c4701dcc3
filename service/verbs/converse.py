"""converse: a folder's model answers turn by turn in this process's own child; the conversation is nowhere but here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from service.artifacts.answerable import Answerable, in_folder, require_intact
from service.launch.answering import AnsweringProcess
from service.records.chat_completion import Usage
from service.verbs.chat_request import new_id
from trainers.answers import Answered, Piece, Question, Ready


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are made; temperature 0 is greedy, `max_tokens` null leaves the length to the model's context."""

    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    answer: str
    usage: Usage
    finish_reason: str


class Talk:
    """A conversation with a loaded model."""

    def __init__(self, process: AnsweringProcess, model: Answerable, manner: Manner, system: str | None) -> None:
        self.model = model
        self._process = process
        self._manner = manner
        self._system = [{"role": "system", "content": system}] if system else []
        self._turns: list[dict[str, str]] = []
        self.reply: Reply | None = None

    def ready(self) -> Ready:
        """What the engine says of the model once it is loaded.

        Raises:
            TuneGateError: `unreadable_model`, `missing_extra`.
        """
        return self._process.wait_ready()

    def ask(self, text: str) -> Iterator[str]:
        """The answer in pieces, then whole in `reply`; left early, what came of it stays in the conversation.

        Raises:
            TuneGateError: `context_overflow`, `invalid_input`, `answer_failed`; the conversation is then as before.
        """
        self.reply = None
        question = Question(
            id=new_id("turn-"),
            messages=[*self._system, *self._turns, {"role": "user", "content": text}],
            max_tokens=self._manner.max_tokens,
            temperature=self._manner.temperature,
            top_p=self._manner.top_p,
            seed=self._manner.seed,
        )
        said = ""
        try:
            for one in self._process.answers(question):
                if isinstance(one, Piece):
                    said += one.text
                    yield one.text
                elif isinstance(one, Answered):
                    prompt, answer = one.prompt_tokens, one.completion_tokens
                    self.reply = Reply(one.text, Usage(prompt, answer, prompt + answer), one.finish_reason)
        finally:
            if said or self.reply is not None:
                self._turns += [{"role": "user", "content": text}, {"role": "assistant", "content": said}]

    def forget(self) -> None:
        """Begin anew; what the system says stays."""
        self._turns.clear()


@contextmanager
def talking(
    folder: Path, manner: Manner, *, precision: str | None = None, system: str | None = None, verify: bool = True
) -> Iterator[Talk]:
    """A conversation with the model of a folder, which is ended with the block.

    Raises:
        TuneGateError: `unreadable_path`, `artifact_corrupt`, `not_found`, `target_cannot`, `missing_extra`.
    """
    model = in_folder(folder, precision)
    if verify:
        require_intact(model)
    process = AnsweringProcess(model.folder, model.engine)
    try:
        yield Talk(process, model, manner, system)
    finally:
        process.close()
