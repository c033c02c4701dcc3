"""`python -m trainers.answering DIR`: JSON lines in, JSON lines out (trainers/answers.py); ends with its stdin."""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, get_args

import msgspec

from trainers.answers import Asked, Cancel, Engine, Question, Ready, Refused, Said
from trainers.problems import TrainerError, from_exception


class Inbox:
    """Questions in the order they came, read by a thread, so that a cancellation is heard while one is answered."""

    def __init__(self, source: BinaryIO, refuse: Callable[[Refused], None]) -> None:
        self._source = source
        self._refuse = refuse
        self._waiting: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._open: set[str] = set()
        self._ended = False

    def listen(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, seconds: float | None) -> Question | None:
        """The next question that is still wanted; None when no more come, or none came for so long."""
        try:
            while (question := self._waiting.get(timeout=seconds)) is not None:
                if not self.left(question.id):
                    return question
        except queue.Empty:
            pass
        return None

    def left(self, identifier: str) -> bool:
        """Whether nobody waits for this answer any more."""
        return self._ended or identifier not in self._open

    def done(self, identifier: str) -> None:
        self._open.discard(identifier)

    def _read(self) -> None:
        decoder = msgspec.json.Decoder(Asked)
        for line in self._source:
            try:
                asked = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                self._refuse(_unreadable(line, error))
                continue
            if isinstance(asked, Cancel):
                self._open.discard(asked.id)
            else:
                self._open.add(asked.id)
                self._waiting.put(asked)
        self._ended = True
        self._waiting.put(None)


def _unreadable(line: bytes, error: Exception) -> Refused:
    """The library names the place and the expected type, never the value."""
    try:
        identifier = msgspec.json.decode(line, type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        identifier = None
    why = str(error) if isinstance(error, msgspec.ValidationError) else "it is no JSON"
    return Refused(id=identifier, code="invalid_input", detail=f"The question cannot be read: {why}.")


class _Named(msgspec.Struct):
    id: str


class Outbox:
    """Lines of what is said, each written at once; two threads may speak."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._encoder = msgspec.json.Encoder()
        self._turn = threading.Lock()

    def say(self, said: Said) -> None:
        with self._turn:
            self._sink.write(self._encoder.encode(said) + b"\n")
            self._sink.flush()


def main(argv: list[str]) -> int:
    """Answer until nobody asks any more."""
    parser = argparse.ArgumentParser(prog="python -m trainers.answering", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder with model.onnx, or a model folder")
    parser.add_argument("--engine", choices=get_args(Engine), help="default: what the folder was made for")
    parser.add_argument("--threads", type=int, default=0, help="0 = as the engine likes")
    parser.add_argument("--idle-seconds", type=float, help="end after so long without a question")
    options = parser.parse_args(argv)
    outbox = Outbox(_own_stdout())
    inbox = Inbox(os.fdopen(os.dup(0), "rb"), outbox.say)
    inbox.listen()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
    try:
        _answer_all(options, inbox, outbox)
    except BrokenPipeError:
        return 0  # whoever asked is gone
    except Exception as error:  # noqa: BLE001 - whatever a library says becomes a named failure
        outbox.say(_refused(None, error, "loading"))
        return 1
    return 0


def _own_stdout() -> BinaryIO:
    """The pipe that lines are written to; whatever a library prints goes to stderr instead."""
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return own


def _answer_all(options: argparse.Namespace, inbox: Inbox, outbox: Outbox) -> None:
    from trainers.answering.answerer import open_answerer
    from trainers.answering.engines import engine_of, engine_version

    engine = options.engine or engine_of(options.folder)
    answerer = open_answerer(options.folder, engine, threads=options.threads)
    outbox.say(Ready(engine=engine, version=engine_version(engine), context=answerer.context))
    while (question := inbox.next(options.idle_seconds)) is not None:
        try:
            for said in answerer.answer(question, partial(inbox.left, question.id)):
                outbox.say(said)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - one question that fails must not end the others
            outbox.say(_refused(question.id, error, "answering"))
        inbox.done(question.id)


def _refused(identifier: str | None, error: Exception, phase: str) -> Refused:
    failure = from_exception(error, phase).failure
    known = isinstance(error, TrainerError | ImportError)
    return Refused(
        id=identifier,
        code=failure.code if known else "answer_failed",
        detail=failure.detail,
        remedy=failure.remedy if known else "",
    )


if __name__ == "__main__":
    # the model's libraries need no orderly end, and a thread still waits for stdin
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
