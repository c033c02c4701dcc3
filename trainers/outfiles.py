"""Files and folders of a run: complete or absent, never half-written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

WORK = ".work"  # host-only files of a run; never part of the artifact
MODEL = "model"  # the weights of full fine-tuning, as they ship


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target, flush to disk, then rename over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def complete_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that replaces `target` when the block ends well, with world-readable files."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for path in temporary.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # save_pretrained writes weights with mode 0600
        sync_tree(temporary)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Flush every file to the disk: a rename may outlive a power cut that its content does not."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def save_part(out: Path, name: str, content: dict[str, Any]) -> None:
    """Keep one phase's part of the result for the orchestrator."""
    write_atomically(out / WORK / f"part-{name}.json", msgspec.json.encode(content))


def has_part(out: Path, name: str) -> bool:
    """Whether a phase has left its part: it is done and need not be repeated."""
    return (out / WORK / f"part-{name}.json").is_file()


def load_part(out: Path, name: str) -> dict[str, Any]:
    """One phase's part of the result, empty when the phase did not come to it."""
    try:
        part: dict[str, Any] = msgspec.json.decode((out / WORK / f"part-{name}.json").read_bytes())
    except FileNotFoundError:
        return {}
    return part
