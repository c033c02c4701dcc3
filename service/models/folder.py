"""Reads a local model folder: its config, whether its files are whole, and a fingerprint of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.nesting import DEEPEST, too_deep

_PATTERNS = (
    "config.json", "generation_config.json", "*.py", "tokenizer*", "special_tokens_map.json", "added_tokens.json",
    "vocab.*", "merges.txt", "chat_template*", "*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json",
)  # fmt: skip
_WEIGHTS = ("*.safetensors", "*.bin")
_MIB = 2**20
# larger files are identified by size, first and last MiB: hashing tens of GiB would take minutes
_WHOLE_UP_TO = 64 * _MIB
# far beyond any config.json; the index of the largest published models has some 10 MiB
_MAX_CONFIG, _MAX_INDEX = 10 * _MIB, 256 * _MIB
_LFS = b"version https://git-lfs"


def read_config(path: Path, *, most: int = _MAX_CONFIG) -> dict[str, Any]:
    """A config.json as an object; `most` in bytes.

    Raises:
        TuneGateError: `unreadable_model` naming the file and what is wrong with it.

    """
    try:
        # a device never ends and a pipe may never begin
        if path.exists() and not path.is_file():
            raise unreadable(path, "no regular file")
        if path.stat().st_size > most:
            raise unreadable(path, f"larger than {most // _MIB} MiB, which no such file is")
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error.strerror or "cannot be read") from error
    try:
        config = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = "a Git LFS pointer, not the file itself" if content.startswith(_LFS) else f"not JSON ({error})"
        raise unreadable(path, what) from error
    if too_deep(config):
        raise unreadable(path, f"nested more than {DEEPEST} levels deep")
    if not isinstance(config, dict):
        raise unreadable(path, f"a JSON {type(config).__name__}, not an object")
    return config


def has_weights(folder: Path) -> bool:
    """Whether any weight file lies in the folder."""
    return any(next(folder.glob(pattern), None) is not None for pattern in _WEIGHTS)


def fingerprint(folder: Path) -> str:
    """sha256 over the sorted (name, size, content hash) of config, tokenizer, template and weight files."""
    digest = hashlib.sha256()
    names = {path.name for pattern in _PATTERNS for path in folder.glob(pattern) if path.is_file()}
    for name in sorted(names):
        path = folder / name
        try:
            digest.update(f"{name}\0{path.stat().st_size}\0{_content_hash(path)}\0".encode())
        except OSError as error:
            raise unreadable(path, error.strerror or "cannot be read") from error
    return digest.hexdigest()


def check_weights(folder: Path) -> None:
    """Refuse weight files that are missing, cut short or pointers, all at once.

    Raises:
        TuneGateError: `unreadable_model`.

    """
    wrong = _missing_shards(folder)
    for path in sorted(folder.glob("*.safetensors")):
        reason = _broken_safetensors(path)
        if reason:
            wrong.append((path, reason))
    if wrong:
        raise TuneGateError(
            "unreadable_model",
            f"{folder.name}: {len(wrong)} weight file(s) cannot be used.",
            remedy="Download the model again.",
            errors=[ErrorItem(path.name, reason) for path, reason in wrong],
        )


def check_trainable(folder: Path) -> None:
    """Refuse a folder whose weights are pickles only: loading one runs whatever code is in it.

    Raises:
        TuneGateError: `unreadable_model` with one item per file.

    """
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
    raise TuneGateError(
        "unreadable_model",
        f"{folder.name}: the weights are no safetensors.",
        remedy="Convert them once where you trust them: AutoModelForCausalLM.from_pretrained(FOLDER)"
        ".save_pretrained(NEW_FOLDER), and the tokenizer likewise.",
        errors=[
            ErrorItem(path.name, "a pickle, which can run code when it is loaded", "*.safetensors") for path in pickles
        ],
    )


def unreadable(path: Path, what: str) -> TuneGateError:
    """The error for one file of a model."""
    return TuneGateError(
        "unreadable_model", f"{path}: {what}.", remedy="Give a catalogue id, a config.json or a model folder."
    )


def _content_hash(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as handle:
        if size <= _WHOLE_UP_TO:
            return hashlib.file_digest(handle, "sha256").hexdigest()
        digest = hashlib.sha256(handle.read(_MIB))
        handle.seek(size - _MIB)
        digest.update(handle.read(_MIB))
        return digest.hexdigest()


def _missing_shards(folder: Path) -> list[tuple[Path, str]]:
    missing: set[str] = set()
    for index in sorted(folder.glob("*.safetensors.index.json")):
        shards = read_config(index, most=_MAX_INDEX).get("weight_map")
        if not isinstance(shards, dict):
            return [(index, "no weight_map")]
        missing |= {str(name) for name in shards.values() if not (folder / str(name)).is_file()}
    return [(folder / name, "missing, though the index names it") for name in sorted(missing)]


def _broken_safetensors(path: Path) -> str | None:
    # a catalogue id has no weights to look at
    import json

    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            start = handle.read(8)
            if (start + handle.read(len(_LFS) - 8)).startswith(_LFS):
                return "a Git LFS pointer, not weights"
            length = int.from_bytes(start, "little")
            if size < 8 or not 0 < length <= size - 8:
                return f"cut short or not safetensors ({size} bytes)"
            handle.seek(8)
            header = json.loads(handle.read(length))
    except OSError as error:
        return error.strerror
    except (ValueError, RecursionError):
        return "its header is not JSON"
    try:
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (AttributeError, KeyError, IndexError, TypeError):
        return "its header names no tensors"
    return None if size == expected else f"{size} bytes where its header says {expected}"
