"""Bytes that no store has seen, and finished run folders."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from service.artifacts.listing import listed
from service.records.identity import record_id
from service.records.manifest import MANIFEST, Chain, Evaluation, Manifest
from service.storage.bucket import Bucket
from service.storage.folder import Folder
from service.storage.storage import Storage

MIB = 1 << 20
Open = Callable[..., Storage]


def file_of(folder: Path, size: int = 100) -> tuple[Path, str, str]:
    """(a file of random bytes, its sha256, an id that could be a dataset's)."""
    content = os.urandom(size)
    path = folder / f"upload-{os.urandom(4).hex()}"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest(), os.urandom(32).hex()


def everything(storage: Storage) -> list[str]:
    """The keys of all that a storage holds."""
    if isinstance(storage.backend, Folder):
        folder = storage.backend.local("")
        assert folder is not None
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert isinstance(storage.backend, Bucket)
    return sorted(one.key for one in storage.backend.listed())


def run_of(runs: Path, size: int = 100) -> tuple[str, Manifest]:
    """A run folder with a manifest, as a job leaves it."""
    job = str(uuid.uuid4())
    out = runs / job
    for name in ("plan.json", "onnx/fp32/model.onnx", "adapter/adapter_model.safetensors"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(os.urandom(size))
    manifest = Manifest(
        id="",
        chain=Chain(None, None, None, "f" * 64, job),
        files=listed(out),
        onnx=[],
        evaluation=Evaluation(None, None),
    )
    manifest = msgspec.structs.replace(manifest, id=record_id(manifest))
    (out / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return job, manifest
