"""artifact: checks a run folder, wherever it was carried, against its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.artifacts.bundle import verify_run
from service.artifacts.zipped import zip_length, zip_stream, zip_tag
from service.packing import BUFFER_BYTES
from service.records.manifest import Manifest


def verify(folder: Path) -> Manifest:
    """The manifest, once every file was found to match it.

    Raises:
        TuneGateError: `artifact_not_ready` without a manifest, `artifact_corrupt` with one item per wrong file.
    """
    return verify_run(folder)


def zipped(folder: Path, first: int, count: int) -> Iterator[bytes]:
    """`count` of the artifact's zip bytes from the one numbered `first` on."""
    return zip_stream(folder, first, count)


def zip_identity(folder: Path, manifest: Manifest) -> tuple[int, str]:
    """(bytes of the artifact's zip, a tag that changes with them)."""
    return zip_length(folder), zip_tag(folder, manifest)


def pieces(path: Path, first: int, count: int) -> Iterator[bytes]:
    """`count` bytes of a file from the one numbered `first` on, opened when they are asked for."""
    with path.open("rb") as file:
        file.seek(first)
        while count and (piece := file.read(min(count, BUFFER_BYTES))):
            count -= len(piece)
            yield piece
