"""Finished run folders in a store: the manifest is put last and read first, so that half of one is never seen."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from service.files import write_error
from service.records.identity import record_id
from service.records.manifest import MANIFEST, Manifest
from service.storage.backend import Backend
from service.storage.copies import fetched, removed
from service.storage.failures import changed
from service.storage.folder import linked
from service.storage.keys import file_key

# in a run folder: the store has all of it
KEPT = ".kept"


def kept(backend: Backend, prefix: str, out: Path) -> None:
    """Keep the files that the manifest of a run folder names; what was kept before is replaced by the same.

    Raises:
        TuneGateError: `disk_full`, `storage_refused`, `storage_unreachable`.
    """
    manifest = msgspec.json.decode((out / MANIFEST).read_bytes(), type=Manifest)
    for file in manifest.files:
        backend.keep(file_key(prefix, file.path), out / file.path)
    backend.keep(file_key(prefix, MANIFEST), out / MANIFEST)
    (out / KEPT).touch()


def placed(backend: Backend, prefix: str, out: Path, place: str) -> None:
    """Make a run folder out of what is kept, every file of it checked; it appears whole or not at all.

    Raises:
        TuneGateError: `storage_missing`, `storage_corrupt`, `storage_refused`, `storage_unreachable`, `disk_full`.
    """
    content = b"".join(backend.read(file_key(prefix, MANIFEST)))
    manifest = manifest_of(content, place)
    making = out.with_name(f".{out.name}.{os.urandom(4).hex()}.part")
    try:
        for file in manifest.files:
            key = file_key(prefix, file.path)
            _placed(backend, key, making / file.path, file.sha256, place)
        _placed(backend, file_key(prefix, MANIFEST), making / MANIFEST, hashlib.sha256(content).hexdigest(), place)
        (making / KEPT).touch()
        removed(out)
        making.rename(out)
    except OSError as error:
        if (out / MANIFEST).is_file():
            return  # another one was faster
        raise write_error(out, error) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def bytes_of(backend: Backend, prefix: str, place: str) -> int:
    """How much the files of a kept run are."""
    return sum(file.bytes for file in manifest_of(b"".join(backend.read(file_key(prefix, MANIFEST))), place).files)


def manifest_of(content: bytes, place: str) -> Manifest:
    """A manifest whose id is that of its content.

    Raises:
        TuneGateError: `storage_corrupt`.
    """
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
        # over what was written, not over what this version would write
        whole = record_id(msgspec.json.decode(content)) == manifest.id
    except msgspec.DecodeError as error:
        raise changed(place) from error
    if not whole:
        raise changed(place)
    return manifest


def parts_left(runs: Path) -> Iterator[Path]:
    """What a killed process left of run folders that it was making."""
    return runs.glob(".*.part")


def _placed(backend: Backend, key: str, target: Path, sha256: str, place: str) -> None:
    here = backend.local(key)
    if here is None or not linked(here, target):
        fetched(backend.read(key), target, sha256, place)
        return
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise changed(place)
