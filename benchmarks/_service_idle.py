"""Parts of service_speed.py that take CPU for nothing: an idle service, and many who follow one job."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
from _service import Service, cpu_of
from _service_crowd import followed, stop, training

_SETTLED_SECONDS = 5
_IDLE_SECONDS = 60
_FOLLOWED_SECONDS = 20
FOLLOWERS = 300


def of_idle(folder: Path) -> None:
    """CPU of a service that nobody asks anything, on both databases, and of the Postgres that it asks."""
    from postgres_server import FOUND, postgres_server

    service = _settled(Service(folder / "SQLite"))
    (share,) = _shares([service.cpu])
    service.stop()
    print(f"an idle service on SQLite takes {share:.2f} % of a core ({_IDLE_SECONDS} s; goal: at most 2)")
    if not FOUND:
        print("no Postgres on this machine: not measured on it")
        return
    with postgres_server() as running:
        running.create("speed")
        service = _settled(Service(folder / "Postgres", TUNEGATE_DATABASE_URL=running.address("speed", "+psycopg")))
        server = psutil.Process(int((running.folder / "data" / "postmaster.pid").read_text().split()[0]))
        share, asked = _shares([service.cpu, lambda: cpu_of(server)])
        service.stop()
    print(
        f"an idle service on Postgres takes {share:.2f} % of a core ({_IDLE_SECONDS} s; goal: at most 2), and the "
        f"server, which is local, {asked:.2f} %"
    )


def _settled(service: Service) -> Service:
    time.sleep(_SETTLED_SECONDS)
    return service


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
    (share,) = _shares([lambda: service.cpu(without)], seconds)
    return share


def _shares(cpus: list[Callable[[], float]], seconds: float = _IDLE_SECONDS) -> list[float]:
    """Percent of a core that each takes, in the same time."""
    begun, before = time.monotonic(), [cpu() for cpu in cpus]
    time.sleep(seconds)
    took = time.monotonic() - begun
    return [(cpu() - was) / took * 100 for cpu, was in zip(cpus, before, strict=True)]
