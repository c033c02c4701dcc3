"""Finished run folders in a store: files lie under the id of their manifest, which is put last, once, and read first.

So half of one is never seen, and two services that both think that they finish a job never write to one place: what
one manifest names lies under its id, and the manifest itself is created where none stands.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from service.errors import TuneGateError
from service.files import write_error
from service.records.identity import record_id
from service.records.manifest import MANIFEST, Manifest
from service.storage.backend import Backend
from service.storage.copies import fetched, removed
from service.storage.failures import changed
from service.storage.folder import linked
from service.storage.keys import file_key, try_prefix

# in a run folder: the store has all of it
KEPT = ".kept"


def kept(backend: Backend, prefix: str, out: Path, place: str, *, wanted: Callable[[], object]) -> None:
    """Keep the files that the manifest of a run folder names, unless another folder of the job was kept before.

    Then that one is the artifact, and takes the folder's place. `wanted` is called before each file.

    Raises:
        TuneGateError: `disk_full`, `storage_refused`, `storage_unreachable`, `storage_missing`, `storage_corrupt`.
        BaseException: what `wanted` raises; nothing is written after it.
    """
    content = (out / MANIFEST).read_bytes()
    manifest = msgspec.json.decode(content, type=Manifest)
    own = try_prefix(prefix, manifest.id)
    published = _published(backend, prefix, place)
    if published is None:
        for file in manifest.files:
            wanted()
            backend.keep(file_key(own, file.path), out / file.path)
        wanted()
        backend.create(file_key(prefix, MANIFEST), content)
        published = _published(backend, prefix, place)
    if published is not None and published.id != manifest.id:
        wanted()
        placed(backend, prefix, out, place)
    remove_other_tries(backend, prefix, place)
    (out / KEPT).touch()


def is_kept(backend: Backend, prefix: str, out: Path, place: str) -> bool:
    """Whether a run folder of this machine is what is kept of the job; one that others were faster than is not.

    Raises:
        TuneGateError: `storage_refused`, `storage_unreachable`.
    """
    if not (out / MANIFEST).is_file():
        return False
    if not (out / KEPT).exists():
        here, published = manifest_of((out / MANIFEST).read_bytes(), place), _published(backend, prefix, place)
        if published is not None and published.id != here.id:
            return False
        # earlier versions left no mark
        (out / KEPT).touch()
    return True


def placed(backend: Backend, prefix: str, out: Path, place: str) -> None:
    """Make a run folder out of what is kept, every file of it checked; it appears whole or not at all.

    Raises:
        TuneGateError: `storage_missing`, `storage_corrupt`, `storage_refused`, `storage_unreachable`, `disk_full`.
    """
    content = b"".join(backend.read(file_key(prefix, MANIFEST)))
    manifest = manifest_of(content, place)
    files = _folder(backend, prefix, manifest)
    making = out.with_name(f".{out.name}.{os.urandom(4).hex()}.part")
    try:
        for file in manifest.files:
            key = file_key(files, file.path)
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


def remove_other_tries(backend: Backend, prefix: str, place: str) -> None:
    """Remove what services left that were killed or robbed while they kept another folder of the job.

    Raises:
        TuneGateError: `storage_refused`, `storage_unreachable`, `storage_corrupt`.
    """
    published = _published(backend, prefix, place)
    if published is None or (own := _folder(backend, prefix, published)) == prefix:
        return
    for one in list(backend.listed(prefix)):
        if not one.key.startswith(f"{own}/") and one.key != file_key(prefix, MANIFEST):
            backend.remove(one.key)


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


def remove_parts(runs: Path) -> None:
    """Remove what a killed process left of run folders that it was making; call it while the data folder is held."""
    for path in runs.glob(".*.part"):
        shutil.rmtree(path, ignore_errors=True)


def _published(backend: Backend, prefix: str, place: str) -> Manifest | None:
    """What stands as the job's artifact."""
    try:
        return manifest_of(b"".join(backend.read(file_key(prefix, MANIFEST))), place)
    except TuneGateError as error:
        if error.code != "storage_missing":
            raise
    return None


def _folder(backend: Backend, prefix: str, manifest: Manifest) -> str:
    """Where its files lie; earlier versions put them beside the manifest."""
    own = try_prefix(prefix, manifest.id)
    beside = manifest.files and not backend.has(file_key(own, manifest.files[0].path))
    return prefix if beside and backend.has(file_key(prefix, manifest.files[0].path)) else own


def _placed(backend: Backend, key: str, target: Path, sha256: str, place: str) -> None:
    here = backend.local(key)
    if here is None or not linked(here, target):
        fetched(backend.read(key), target, sha256, place)
        return
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise changed(place)
