"""One trainer at a time on this host."""

from __future__ import annotations

import asyncio
from pathlib import Path

from service.launch.local import WORK, trainer_alive

POLL_SECONDS = 0.2
_TRAINING: set[str] = set()


async def turn(job_id: str, out: Path) -> None:
    """Wait until no other job trains here, also none of an earlier process; a living trainer is adopted at once."""
    while True:
        others = bool(_TRAINING - {job_id}) or await asyncio.to_thread(_another_trains, out)
        if not others or await asyncio.to_thread(trainer_alive, out):
            break
        await asyncio.sleep(POLL_SECONDS)
    _TRAINING.add(job_id)


def give_back(job_id: str) -> None:
    """Let the next one train."""
    _TRAINING.discard(job_id)


def _another_trains(out: Path) -> bool:
    return any(work.parent != out and trainer_alive(work.parent) for work in out.parent.glob(f"*/{WORK}"))
