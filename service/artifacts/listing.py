"""The files of a run folder: which belong to the artifact, their hashes, and what of one has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from service.errors import ErrorItem
from service.records.manifest import MANIFEST, ManifestFile

# of the trainer's own files, these are host-only: how the process ended is in job.json and the manifest
_LEFT_OUT = (MANIFEST, "result.json", "trainer.json")
_CHUNK_BYTES = 1 << 20


def listed(out: Path) -> list[ManifestFile]:
    """Every file that the manifest names."""
    return [
        ManifestFile(
            path=path.relative_to(out).as_posix(),
            sha256=sha256_of(path),
            bytes=path.stat().st_size,
            kind=_kind(path, out),
        )
        for path in run_files(out)
        if path.relative_to(out).as_posix() not in _LEFT_OUT
    ]


def run_files(out: Path) -> Iterator[Path]:
    """Every file of the artifact, sorted, host-only and hidden files left out."""
    for path in sorted(out.rglob("*")):
        relative = path.relative_to(out)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            yield path


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def differences(out: Path, file: ManifestFile) -> list[ErrorItem]:
    """What of a file is not as the manifest says."""
    path = out / file.path
    if not path.is_file():
        return [ErrorItem(file.path, "missing", f"{file.bytes} bytes")]
    if path.stat().st_size != file.bytes:
        return [ErrorItem(file.path, f"{path.stat().st_size} bytes", f"{file.bytes} bytes")]
    seen = sha256_of(path)
    return [] if seen == file.sha256 else [ErrorItem(file.path, f"sha256 {seen}", f"sha256 {file.sha256}")]


def _kind(path: Path, out: Path) -> str:
    relative = path.relative_to(out)
    if len(relative.parts) == 1:
        return {"README.md": "card", "progress.jsonl": "progress"}.get(path.name, "record")
    if relative.parts[0] in {"adapter", "model"}:
        return relative.parts[0]
    if path.name.startswith("model.onnx"):
        return "onnx"
    return "tokenizer" if "token" in path.name or "chat_template" in path.name else "config"
