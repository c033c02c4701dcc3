"""Moves datasets of an earlier version, which lay in a folder of their own, to where they belong now."""

from __future__ import annotations

from pathlib import Path

from service.storage.storage import Storage

_DEFAULT = "default"


def take_over(storage: Storage, home: Path) -> list[Path]:
    """Keep every dataset of the earlier folder, before a job looks for it; gives their files, which are still there.

    Raises:
        TuneGateError: `disk_full`, `storage_refused`, `storage_unreachable`.
    """
    earlier = home / "datasets"
    found = sorted(earlier.glob("**/*.jsonl"))
    for path in found:
        project = _DEFAULT if path.parent == earlier else path.parent.name
        storage.of(project).keep_dataset(path.stem, path)
    return found


def leave(taken: list[Path], home: Path) -> None:
    """Remove what was taken over; call it while the data folder is held, so that no earlier service looks for it."""
    for path in taken:
        path.unlink(missing_ok=True)
    for folder in sorted((home / "datasets").glob("**/"), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
