"""Moves datasets of an earlier version, which lay in a folder of their own, to where they belong now."""

from __future__ import annotations

from pathlib import Path

from service.storage.storage import Storage

_DEFAULT = "default"


def take_over(storage: Storage, home: Path) -> None:
    """Keep every dataset of the earlier folder and empty it.

    Raises:
        TuneGateError: `disk_full`, `storage_refused`, `storage_unreachable`; the rest is taken over at the next start.
    """
    earlier = home / "datasets"
    for path in sorted(earlier.glob("**/*.jsonl")):
        project = _DEFAULT if path.parent == earlier else path.parent.name
        storage.of(project).keep_dataset(path.stem, path)
        path.unlink()
    for folder in sorted(earlier.glob("**/"), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
