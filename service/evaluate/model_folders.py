"""What is in a model's folder: the ONNX exports of a run, and a hash of all of it."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import msgspec

MANIFEST = "manifest.json"


class _Export(msgspec.Struct, frozen=True):
    path: str
    precision: str


class _Manifest(msgspec.Struct, frozen=True):
    onnx: list[_Export] = []


def exports(manifest: Path) -> dict[str, PurePosixPath]:
    """Precision -> folder of the ONNX files, below the run folder; none for a manifest that is not ours."""
    try:
        found = msgspec.json.decode(manifest.read_bytes(), type=_Manifest).onnx
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    places = {one.precision: PurePosixPath(one.path).parent for one in found}
    return {name: path for name, path in places.items() if not path.is_absolute() and ".." not in path.parts}


def contents(folder: Path) -> str:
    """A hash over every byte of a folder: two models may have weights of one size and one time."""
    digest = hashlib.sha256()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        digest.update(path.relative_to(folder).as_posix().encode(errors="surrogateescape") + b"\0" + content)
    return digest.hexdigest()
