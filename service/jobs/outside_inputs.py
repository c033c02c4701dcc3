"""What work of a process of its own needs, kept in the database where several services share one.

Any of them can begin it anew.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from service.files import write_atomically
from service.launch.local import WORK, work_plan

# in its folder: how it ended, how far it is, the folder of what it was answered; what a synthesis reads and makes
OUTCOME, PROGRESS, ANSWERS = "outcome.json", "progress.json", "answers"
DOCUMENTS, ROWS = "documents", "train.jsonl"
_PLACES = "places.json"
_LOG = f"{ANSWERS}/answers.jsonl"


class Places(msgspec.Struct, frozen=True):
    """Folders of the host that carries it out: datasets, run folders of jobs, models."""

    data: str
    runs: str
    models: str


class OutsideInputs(msgspec.Struct, frozen=True, kw_only=True):
    """`work` as its process reads it, `files` by their path in its folder, ids of the datasets and jobs that it reads.

    `continues` is whose answers it goes on with, where they lie on another service. Gone from the database once it has
    ended.
    """

    work: str
    files: dict[str, str] = {}
    datasets: list[str] = []
    jobs: list[str] = []
    continues: str | None = None


class _Continued(msgspec.Struct):
    continues: str | None = None


def encoded(inputs: OutsideInputs) -> str:
    """The inputs as the database keeps them."""
    return msgspec.json.encode(inputs).decode()


def decoded(content: str) -> OutsideInputs:
    """What was kept."""
    return msgspec.json.decode(content, type=OutsideInputs)


def continued(content: str | None) -> str | None:
    """Whose answers on another service one goes on with."""
    return None if content is None else msgspec.json.decode(content, type=_Continued).continues


def with_answers(inputs: OutsideInputs, folder: Path) -> OutsideInputs:
    """The same with the answers that it goes on with, if they lie below `folder`."""
    if inputs.continues is None:
        return inputs
    try:
        content = (folder / inputs.continues / _LOG).read_bytes()
    except FileNotFoundError:
        return inputs
    # a process that is writing, or was killed as it did, has a line that breaks off
    whole = content[: content.rfind(b"\n") + 1].decode()
    return msgspec.structs.replace(inputs, files=inputs.files | {_LOG: whole}, continues=None)


def fill(out: Path, inputs: OutsideInputs, places: Places | None) -> None:
    """Make its folder, readable by this user alone; `places` on a host that did not take it."""
    out.mkdir(parents=True, mode=0o700)
    for name, text in inputs.files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(out / name, text.encode())
    if places is not None:
        write_atomically(out / WORK / _PLACES, msgspec.json.encode(places))
    # last: with it the folder is taken for one that can be worked in
    write_atomically(work_plan(out), inputs.work.encode())


def places_of(out: Path) -> Places | None:
    """Where this host has what the work names, if that is another one than the work's own."""
    try:
        return msgspec.json.decode((out / WORK / _PLACES).read_bytes(), type=Places)
    except FileNotFoundError:
        return None
