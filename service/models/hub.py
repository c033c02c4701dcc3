"""Hub ids: `ORG/NAME[@REVISION]` in the local Hugging Face cache, pinned to a commit; fetched only if allowed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from service.errors import TuneGateError, missing_extra

HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(?:@([A-Za-z0-9][\w.-]{0,95}))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# what a model needs, its own code with it, which is run only where a plan says so; a pickle is never fetched
_WANTED = ["*.json", "*.py", "*.safetensors", "*.jinja", "merges.txt", "vocab.*", "tokenizer*", "README.md"]


class Snapshot(msgspec.Struct, frozen=True):
    """A model of the hub on this machine: its id, the commit, and the folder of that commit."""

    name: str
    revision: str
    folder: Path


def snapshot(reference: str, *, allow_download: bool) -> Snapshot | None:
    """The snapshot that `ORG/NAME[@REVISION]` names, or None when it is not here and must not be fetched.

    Raises:
        TuneGateError: `missing_extra` or `environment` when it cannot be fetched though it may.

    """
    parts = HUB_ID.fullmatch(reference)
    if parts is None:
        return None
    name, revision = parts[1], parts[2] or "main"
    repository = hub_cache() / f"models--{name.replace('/', '--')}"
    found = _cached(name, repository, revision)
    if found is None and allow_download:
        _fetch(name, revision)
        found = _cached(name, repository, revision)
    return found


def snapshot_of(folder: Path) -> Snapshot | None:
    """The snapshot that a folder inside the hub's cache is, or None for any other folder."""
    repository = folder.parent.parent.name
    if folder.parent.name != "snapshots" or not repository.startswith("models--") or not _COMMIT.fullmatch(folder.name):
        return None
    return Snapshot(repository.removeprefix("models--").replace("--", "/", 1), folder.name, folder)


def pinned(model: str, revision: str | None) -> str:
    """The reference that resolves to the same commit again."""
    return f"{model}@{revision}" if revision and HUB_ID.fullmatch(model) and "@" not in model else model


def hub_cache() -> Path:
    """Where the hub's libraries keep what they fetched."""
    if named := os.environ.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def _cached(name: str, repository: Path, revision: str) -> Snapshot | None:
    commit = revision
    if not _COMMIT.fullmatch(revision):
        try:
            commit = (repository / "refs" / revision).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
    folder = repository / "snapshots" / commit
    return Snapshot(name, commit, folder) if _COMMIT.fullmatch(commit) and folder.is_dir() else None


def _fetch(name: str, revision: str) -> None:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise missing_extra("train", "Fetching a model of the hub", error) from error
    try:
        snapshot_download(name, revision=revision, cache_dir=hub_cache(), allow_patterns=_WANTED)
    except Exception as error:  # its errors share no base: network, permission, no such repository
        raise TuneGateError(
            "environment",
            f"{name}@{revision} cannot be fetched from the hub ({type(error).__name__}).",
            remedy="Check the id, the network and HF_TOKEN; or give a local folder.",
        ) from error
