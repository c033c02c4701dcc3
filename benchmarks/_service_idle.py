"""Parts of service_speed.py that take CPU for nothing: an idle service, and many who follow one job."""

from __future__ import annotations

import time
from pathlib import Path

from _service import Service
from _service_crowd import followed, stop, training

_SETTLED_SECONDS = 5
_IDLE_SECONDS = 60
_FOLLOWED_SECONDS = 20
FOLLOWERS = 300


def of_idle(folder: Path) -> None:
    """CPU of a service that nobody asks anything."""
    service = Service(folder / "idle")
    time.sleep(_SETTLED_SECONDS)
    share = _share(service, _IDLE_SECONDS)
    service.stop()
    print(f"an idle service on SQLite takes {share:.2f} % of a core ({_IDLE_SECONDS} s; goal: at most 2)")


def of_followers(folder: Path) -> None:
    """CPU of the service while a job trains, with and without those who follow it."""
    service, job, trainer = training(folder / "followed")
    time.sleep(_SETTLED_SECONDS)
    alone = _share(service, _FOLLOWED_SECONDS, without=trainer)
    with followed(service, job, FOLLOWERS) as times:
        while not all(times):
            time.sleep(0.2)
        marks = [len(one) for one in times]
        begun = time.monotonic()
        share = _share(service, _FOLLOWED_SECONDS, without=trainer)
        ended = time.monotonic()
        got = sorted(
            sum(begun <= moment <= ended for moment in one[mark:]) for one, mark in zip(times, marks, strict=True)
        )
    print(f"while a job trains the service takes {alone:.1f} % of a core, with {FOLLOWERS} followers {share:.1f} %")
    print(f"  events that came in {_FOLLOWED_SECONDS} s, per follower: {got[0]} to {got[-1]}")
    stop(service, job)


def _share(service: Service, seconds: float, without: int | None = None) -> float:
    """Percent of a core."""
    begun, before = time.monotonic(), service.cpu(without)
    time.sleep(seconds)
    return (service.cpu(without) - before) / (time.monotonic() - begun) * 100
