"""Fetches artifacts: files that are complete and as the manifest says, or absent."""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from service.client.connection import Connection
from service.errors import TuneGateError
from service.files import write_error
from service.records.manifest import Manifest, ManifestFile

_PIECE = 1 << 20


def fetch_whole(connection: Connection, path: str, target: Path) -> None:
    """GET bytes into a file that is complete or absent."""
    _fetch(connection, path, target, sha256=None)


def fetch_artifact(connection: Connection, job: str, manifest: Manifest, folder: Path) -> list[Path]:
    """Every file of an artifact into a folder, each held against its sha256; what is there already and right stays.

    Raises:
        TuneGateError: `artifact_corrupt` for bytes or names that are not what a manifest may say, `disk_full`.
    """
    for file in manifest.files:
        _require_below(file.path)
    found = []
    for file in manifest.files:
        target = folder / file.path
        if not _is_there(target, file):
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(connection, f"/v1/jobs/{job}/artifact/{urllib.parse.quote(file.path)}", target, sha256=file.sha256)
        found.append(target)
    _fetch(connection, f"/v1/jobs/{job}/artifact/manifest.json", folder / "manifest.json", sha256=None)
    return [*found, folder / "manifest.json"]


def _fetch(connection: Connection, path: str, target: Path, *, sha256: str | None) -> None:
    partial = target.with_name(f".{target.name}.part")
    digest = hashlib.sha256()

    def take(first: int, pieces: Iterator[bytes]) -> None:
        nonlocal digest
        digest = digest if first else hashlib.sha256()
        with partial.open("r+b" if first else "wb") as sink:
            sink.seek(first)
            for piece in pieces:
                digest.update(piece)
                sink.write(piece)

    try:
        connection.download(path, take)
        if sha256 not in {None, digest.hexdigest()}:
            detail = f"{target.name}: what was fetched is not what the manifest says."
            raise TuneGateError("artifact_corrupt", detail, remedy="Fetch it again.")
        partial.replace(target)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _is_there(target: Path, file: ManifestFile) -> bool:
    if not target.is_file() or target.stat().st_size != file.bytes:
        return False
    digest = hashlib.sha256()
    with target.open("rb") as handle:
        while piece := handle.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest() == file.sha256


def _require_below(path: str) -> None:
    """A service that is not what it says must not write beside the folder."""
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or {"..", "."} & set(parts) or "\\" in path or ":" in path:
        raise TuneGateError("artifact_corrupt", "The manifest names a file outside of the artifact.")
