"""artifact: checks a run folder, wherever it was carried, against its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.artifacts.bundle import verify_run
from service.artifacts.zipped import zip_stream
from service.records.manifest import Manifest


def verify(folder: Path) -> Manifest:
    """The manifest, once every file was found to match it.

    Raises:
        TuneGateError: `artifact_not_ready` without a manifest, `artifact_corrupt` with one item per wrong file.
    """
    return verify_run(folder)


def zipped(folder: Path) -> Iterator[bytes]:
    """The artifact as a stream of zip bytes."""
    return zip_stream(folder)
