"""runs: stops the trainers of a folder of runs, whoever started them."""

from __future__ import annotations

from pathlib import Path

from service.launch.local import stop_trainer

_GRACE_SECONDS = 10.0


def stop_trainers(runs: Path) -> None:
    """Stop every trainer that still runs below `runs`, with its whole process tree."""
    for out in sorted(runs.glob("*/")):
        stop_trainer(out, grace_seconds=_GRACE_SECONDS)
