"""The record of an evaluation that was finished before, for one of the very same inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from service import __version__
from service.evaluate.answer_log import RECORD
from service.files import write_atomically
from service.records.evaluation import Evaluation
from service.records.identity import digest

_INPUTS = ".inputs.json"
_PIECE = 1 << 20


class _Inputs(msgspec.Struct, frozen=True):
    """What a record was made of: its inputs, and the record's own bytes."""

    key: str
    record: str


def inputs_key(asked: object, paths: Sequence[Path]) -> str:
    """A hash over what is asked for, the content of every file (of folders: of all files below) and our own code."""
    contents = {str(path): _content(path) for path in paths}
    return digest([*code_revision(), asked, contents])


@lru_cache(maxsize=1)
def code_revision() -> tuple[str, str]:
    """What our own code that asks and measures is."""
    return __version__, _content(Path(__file__).parent)


def kept(folder: Path, key: str) -> Evaluation | None:
    """The record that was made of these inputs, or None."""
    try:
        inputs = msgspec.json.decode((folder / _INPUTS).read_bytes(), type=_Inputs)
        content = (folder / RECORD).read_bytes()
        if inputs != _Inputs(key, hashlib.sha256(content).hexdigest()):
            return None
        return msgspec.json.decode(content, type=Evaluation)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def keep(folder: Path, record: Evaluation, key: str | None) -> None:
    """Write the record; a `key` says that there is nothing left to ask."""
    content = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    write_atomically(folder / RECORD, content)
    if key is not None:
        write_atomically(folder / _INPUTS, msgspec.json.encode(_Inputs(key, hashlib.sha256(content).hexdigest())))


def _content(path: Path) -> str:
    found = hashlib.sha256()
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for one in files:
        if one.suffix == ".pyc":
            continue
        found.update(f"{one.relative_to(path).as_posix()}\0".encode(errors="surrogateescape"))
        with one.open("rb") as stream:
            while piece := stream.read(_PIECE):
                found.update(piece)
    return found.hexdigest()
