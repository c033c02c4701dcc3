"""The evaluation folder: every answer that was paid for, one line each, appended and never rewritten.

A key is the sha256 of who was asked and of the whole request, so that an answer counts for every evaluation that asks
the same. A process that is killed loses at most the line it was writing; a line that breaks off is cut off at the next
start. What a request may cost at most stands in a line before it is sent; where no line of its answer follows, that
much counts as paid.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from service.errors import TuneGateError
from service.evaluate.asker import FINAL, Reply
from service.files import write_error

ANSWERS, RECORD, LOCK = "answers.jsonl", "evaluation.json", ".lock"


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line: an answer, or (`reply` null) a try that gave none; `usd` is what it cost, or may have at most.

    With `reserved_usd` it says that a request is sent, and what it costs at most; its next line settles it.
    """

    key: str
    reply: Reply | None = None
    code: str | None = None
    usd: float = 0.0
    reserved_usd: float = 0.0
    tokens: int = 0
    reserved_tokens: int = 0

    @property
    def reserves(self) -> bool:
        return bool(self.reserved_usd or self.reserved_tokens)


class AnswerLog:
    """The answers of one folder, in memory and on disk; one process at a time holds it.

    `usd`, `tokens` and `sent` (requests) are over all tries, as far as the lines say them. With `sync` every line is on
    the disk before it counts, so that no loss of power takes one back.
    """

    def __init__(self, folder: Path, *, sync: bool = False) -> None:
        self._folder, self._sync = folder, sync
        self._found: dict[str, Entry] = {}
        self._descriptor = self._lock = -1
        self.usd = 0.0
        self.tokens = self.sent = 0

    def __enter__(self) -> Self:
        """Make the folder readable by this user alone, and take up what is in it.

        Raises:
            TuneGateError: `output_exists` for a folder of something else, `run_locked`, `unreadable_path`.

        """
        path = self._folder / ANSWERS
        try:
            self._claim()
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._load(path)
        except OSError as error:
            raise write_error(path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in (self._descriptor, self._lock):
            if descriptor >= 0:
                os.close(descriptor)

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: str) -> Entry | None:
        """The answer of a request, or that it can have none; None where it was not asked yet."""
        return self._found.get(key)

    def add(self, entry: Entry, *, final: bool = True) -> None:
        """Keep an entry; only a `final` one counts as an answer, the others for what they cost.

        Raises:
            TuneGateError: `disk_full`, `unreadable_path`.

        """
        line = msgspec.json.encode(entry) + b"\n"
        try:
            written = os.write(self._descriptor, line)
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            if self._sync:
                os.fsync(self._descriptor)
        except OSError as error:
            raise write_error(self._folder / ANSWERS, error) from error
        self._count(entry)
        if final:
            self._found[entry.key] = entry

    def _count(self, entry: Entry) -> None:
        self.usd += entry.usd
        self.tokens += entry.tokens
        self.sent += entry.reserves

    def _claim(self) -> None:
        if self._folder.is_dir():
            others = [one.name for one in self._folder.iterdir() if not one.name.startswith(".")]
            if others and not {ANSWERS, RECORD} & set(others):
                raise TuneGateError(
                    "output_exists",
                    f"{self._folder} holds files, and no {ANSWERS} of an evaluation.",
                    remedy="Name a new or empty folder.",
                )
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        self._lock = _hold(self._folder)

    def _load(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._descriptor, whole)
        decoder = msgspec.json.Decoder(Entry)
        reserved: dict[str, list[Entry]] = {}
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                entry = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise TuneGateError(
                    "invalid_input",
                    f"{path}:{number}: no line of an evaluation's answers.",
                    remedy="Remove the line, or name a new folder.",
                ) from error
            self._count(entry)
            under_way = reserved.setdefault(entry.key, [])
            if entry.reserves:
                under_way.append(entry)
            elif under_way:
                under_way.pop()
            if entry.reply is not None or entry.code in FINAL:
                self._found[entry.key] = entry
        for left in (one for several in reserved.values() for one in several):
            self.usd += left.reserved_usd
            self.tokens += left.reserved_tokens


def _hold(folder: Path) -> int:
    import fcntl

    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise TuneGateError(
            "run_locked", f"Another process holds {folder}.", remedy="Wait for it, or name another folder."
        ) from error
    return descriptor
