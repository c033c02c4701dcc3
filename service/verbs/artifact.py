"""artifact: checks a run folder, wherever it was carried, against its manifest."""

from __future__ import annotations

from pathlib import Path

from service.artifacts.bundle import verify_run
from service.records.manifest import Manifest


def verify(folder: Path) -> Manifest:
    """The manifest, once every file was found to match it.

    Raises:
        TuneGateError: `artifact_not_ready` without a manifest, `artifact_corrupt` with one item per wrong file.
    """
    return verify_run(folder)
