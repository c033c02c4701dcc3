"""Runs `python -m trainers.answering` for whoever asks: one process per model in use, and never many of them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from service.errors import CODES, TuneGateError
from trainers.answers import Answered, Cancel, Engine, Question, Ready, Refused, Said

ENDED = "answerer_ended"
_LIBRARIES = {"onnxruntime-genai": "onnxruntime_genai", "onnxruntime": "onnxruntime", "torch": "torch"}
# what a child needs to find its libraries, its GPU and its temporary files; no key or token is any of them
_HANDED_OVER = (
    "PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV",
    "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
)  # fmt: skip
_GRACE_SECONDS = 5.0
# weights as they are loaded, and what the libraries, the cache and the logits need beside them
_TIMES_FILES, _BESIDE_BYTES = 1.2, 512 * 2**20

Listen = Callable[[Said], None]


class AnsweringProcess:
    """One loaded model; questions may be asked at once, also while it loads, and are answered in their order."""

    def __init__(self, folder: Path, engine: Engine, *, threads: int = 0, idle_seconds: float | None = None) -> None:
        """Start it; with `idle_seconds` it ends by itself after so long without a question.

        Raises:
            TuneGateError: `missing_extra`, `environment`.
        """
        needed = ("transformers", _LIBRARIES[engine])
        if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
            raise TuneGateError(
                "missing_extra", f"An answer needs {', '.join(missing)}.", remedy="pip install 'tunegate[train]'"
            )
        command = [sys.executable, "-P", "-m", "trainers.answering", str(folder), "--engine", engine]
        command += ["--threads", str(threads)]
        command += ["--idle-seconds", str(idle_seconds)] if idle_seconds is not None else []
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # the terminal's Ctrl-C is for whoever asks; this one ends when its stdin does
                start_new_session=True,
                env={name: os.environ[name] for name in _HANDED_OVER if name in os.environ},
            )
        except OSError as error:
            raise TuneGateError("environment", f"No answering process can be started ({error.strerror}).") from error
        self._listeners: dict[str, Listen] = {}
        self._state = threading.Lock()
        self._writing = threading.Lock()
        self._loaded = threading.Event()
        self._ended = False
        self.ready: Ready | None = None
        self._failure = Refused(id=None, code=ENDED, detail="The process that answers has ended.")
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it may still answer."""
        return not self._ended

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def asked(self) -> int:
        """Questions that are not answered yet."""
        return len(self._listeners)

    def wait_ready(self) -> Ready:
        """What it says of the model once it is loaded.

        Raises:
            TuneGateError: why it cannot be loaded.
        """
        self._loaded.wait()
        if self.ready is None:
            raise error_of(self._failure)
        return self.ready

    def ask(self, question: Question, listen: Listen) -> None:
        """Send a question; `listen` is called by another thread, last with an `answered` or a `refused`."""
        with self._state:
            if not self._ended:
                self._listeners[question.id] = listen
        if self._listeners.get(question.id) is not listen:
            listen(self._failure)
        else:
            self._send(question)

    def cancel(self, identifier: str) -> None:
        """Nobody waits for that answer any more."""
        if self._listeners.pop(identifier, None) is not None:
            self._send(Cancel(identifier))

    def answers(self, question: Question) -> Iterator[Said]:
        """What is said of one question; leaving the loop cancels it.

        Raises:
            TuneGateError: `context_overflow`, `invalid_input`, `answer_failed`, `answerer_ended`.
        """
        heard: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self.ask(question, heard.put)
        try:
            while True:
                said = heard.get()
                if isinstance(said, Refused):
                    raise error_of(said)
                yield said
                if isinstance(said, Answered):
                    return
        finally:
            self.cancel(question.id)

    def close(self) -> None:
        """End it, and wait until it is gone."""
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_SECONDS)

    def _send(self, asked: Question | Cancel) -> None:
        assert self._process.stdin is not None
        # a pipe that is gone is noticed by the reader, which tells every listener
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(msgspec.json.encode(asked) + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        decoder: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)
        try:
            for line in self._process.stdout:
                self._hear(decoder.decode(line))
        except (msgspec.DecodeError, OSError, ValueError):
            self._process.kill()
        self._process.wait()
        with self._state:
            self._ended = True
            left = list(self._listeners.values())
            self._listeners.clear()
        self._loaded.set()
        for listen in left:
            _tell(listen, self._failure)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close() if pipe else None

    def _hear(self, said: Said) -> None:
        if isinstance(said, Ready):
            self.ready = said
            self._loaded.set()
        elif said.id is None:
            self._failure = said
        else:
            last = isinstance(said, Answered | Refused)
            _tell(self._listeners.pop(said.id, None) if last else self._listeners.get(said.id), said)


class Answerers:
    """The models in use: at most `most` processes, each of them idle for at most `idle_seconds`.

    Without `idle_seconds` they stay. Each holds its weights and one conversation's cache; one is only started while
    its files fit into the memory that is free. `waiting` questions may wait for one of them.
    """

    def __init__(self, *, most: int, idle_seconds: float | None, waiting: int = 8) -> None:
        self._most = most
        self._idle_seconds = idle_seconds
        self._waiting = waiting
        self._running: dict[tuple[str, Engine], AnsweringProcess] = {}  # the one that was asked last stands last
        self._turn = threading.Lock()
        self._closed = False

    def running(self, folder: Path, engine: Engine) -> bool:
        """Whether the folder's process runs already."""
        process = self._running.get((str(folder), engine))
        return process is not None and process.alive

    def started(self, folder: Path, engine: Engine) -> AnsweringProcess:
        """The process of a folder, which may load still.

        Raises:
            TuneGateError: `busy`, `missing_extra`, `environment`.
        """
        with self._turn:
            return self._of(folder, engine)

    def ask(self, folder: Path, engine: Engine, question: Question, listen: Listen) -> AnsweringProcess:
        """Ask the process of a folder, started where it does not run; returns at once.

        Raises:
            TuneGateError: `busy`, `missing_extra`, `environment`.
        """
        with self._turn:
            process = self._of(folder, engine)
            if process.asked >= self._waiting:
                raise _busy(f"{self._waiting} questions wait for this model.")
            process.ask(question, listen)
        return process

    def close(self) -> None:
        """End all of them."""
        self._closed = True
        for process in list(self._running.values()):
            process.close()  # whoever holds the turn writes to one of them perhaps, and is let go by its end
        with self._turn:
            for process in self._running.values():
                process.close()
            self._running.clear()

    def end_below(self, folder: Path) -> None:
        """End those whose model lies in a folder: it is going to be removed."""
        with self._turn:
            for key in [one for one in self._running if Path(one[0]).is_relative_to(folder)]:
                self._running.pop(key).close()

    def _of(self, folder: Path, engine: Engine) -> AnsweringProcess:
        if self._closed:
            raise _busy("The service stops.")
        key = (str(folder), engine)
        self._running = {name: one for name, one in self._running.items() if one.alive}
        process = self._running.pop(key, None)
        if process is None:
            self._make_room(folder)
            process = AnsweringProcess(folder, engine, idle_seconds=self._idle_seconds)
        self._running[key] = process
        return process

    def _make_room(self, folder: Path) -> None:
        resting = [name for name, one in self._running.items() if not one.asked]
        if len(self._running) >= self._most:
            if not resting:
                raise _busy(f"{self._most} other models answer questions.")
            self._running.pop(resting.pop(0)).close()
        while (needed := _needed_bytes(folder)) > (free := _free_bytes()):
            if not resting:
                raise _busy(f"The model needs about {needed / 2**30:.1f} GiB of memory, {free / 2**30:.1f} are free.")
            self._running.pop(resting.pop(0)).close()


def error_of(said: Refused) -> TuneGateError:
    """The error that a refusal is."""
    return TuneGateError(said.code if said.code in CODES else "answer_failed", said.detail, remedy=said.remedy)


def _tell(listen: Listen | None, said: Said) -> None:
    # an event loop that has closed meanwhile
    with contextlib.suppress(RuntimeError):
        if listen is not None:
            listen(said)


def _needed_bytes(folder: Path) -> int:
    files = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return int(files * _TIMES_FILES) + _BESIDE_BYTES


def _free_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _busy(detail: str) -> TuneGateError:
    return TuneGateError("busy", detail, remedy="Ask again in a moment.")
