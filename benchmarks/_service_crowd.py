"""Parts of service_speed.py that need jobs: how soon a trainer starts, and a crowd beside one that trains."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from _service import Service, at, store
from lint_speed import corpus

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "serving"))
DESK = ROOT / "examples" / "library-desk"
STARTS, CROWD, FOLLOWERS, SMALL_ROWS = 5, 200, 50, 12
_GUARD_SECONDS = 300


def of_start(folder: Path) -> None:
    """From a launch to the trainer's own record of its process, on both databases."""
    from postgres_server import FOUND, postgres_server
    from unweighted import add_base

    print("from POST /v1/jobs to the trainer's process")

    def measured(name: str, **settings: str) -> None:
        home = folder / name
        add_base(home)
        service = Service(home, **settings)
        plan = _plan(service, "base")
        took = [_started(service, plan) for _ in range(STARTS)]
        service.stop()
        print(f"  {name:8} median {median(took):.2f} s, most {max(took):.2f} s of {STARTS} (goal: at most 1.5)")

    measured("SQLite")
    if FOUND:
        with postgres_server() as running:
            running.create("speed")
            measured("Postgres", TUNEGATE_DATABASE_URL=running.address("speed", "+psycopg"))


def _started(service: Service, plan: str) -> float:
    begun = time.time()
    job = _post(service, "/v1/jobs", {"plan_id": plan})["id"]
    record = service.home / "runs" / job / ".work" / "trainer-process.json"
    deadline = time.monotonic() + _GUARD_SECONDS
    while not record.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    took = record.stat().st_mtime - begun
    _post(service, f"/v1/jobs/{job}/cancel", None)
    while _get(service, f"/v1/jobs/{job}")["state"] == "cancelling":
        time.sleep(0.05)
    return took


def of_crowd(folder: Path) -> None:
    """Small lints all at once, and followers of the job that trains meanwhile."""
    service, job, trainer = training(folder / "crowd")
    rows = b"".join(corpus(0.2).splitlines(keepends=True)[:SMALL_ROWS])
    service.lint(rows)
    before = service.memory(without=trainer)
    with followed(service, job, FOLLOWERS) as times:
        time.sleep(2)
        quiet = service.memory(without=trainer)
        marks = [len(one) for one in times]
        begun = time.monotonic()
        with ThreadPoolExecutor(CROWD) as pool:
            asked = list(pool.map(lambda _: _timed(service, rows), range(CROWD)))
        ended = time.monotonic()
        most = service.memory(without=trainer)
        time.sleep(3)
        during = [
            [moment for moment in one[mark:] if begun <= moment <= ended]
            for one, mark in zip(times, marks, strict=True)
        ]
    took = [seconds for _, seconds in asked]
    statuses = {status: sum(one == status for one, _ in asked) for status in {one for one, _ in asked}}
    print(f"{CROWD} lints of {len(rows) / 1e3:.0f} kB at once, beside {FOLLOWERS} followers of a job that trains")
    print(f"  answers by status: {statuses}; all within {ended - begun:.2f} s")
    print(f"  latency p50 {at(0.5, took):.2f} s, p99 {at(0.99, took):.2f} s, most {max(took):.2f} s")
    got = sorted(len(one) for one in during)
    print(f"  events that came meanwhile, per follower: {got[0]} to {got[-1]}")
    print(
        f"  memory of the service alone: {before:.0f} MB, with followers {quiet:.0f} MB, after the crowd {most:.0f} MB"
    )
    stop(service, job)


def training(home: Path) -> tuple[Service, str, int]:
    """(a service, a job of it that trains for long, the process of its trainer)."""
    base = home / "models" / "base"
    maker = [sys.executable, str(DESK / "make_base_model.py"), str(base), "--steps", "2"]
    subprocess.run(maker, check=True, capture_output=True)
    service = Service(home)
    job = _post(service, "/v1/jobs", {"plan_id": _plan(service, "base", n_epochs=50)})["id"]
    deadline = time.monotonic() + _GUARD_SECONDS
    while _get(service, f"/v1/jobs/{job}")["progress"]["step"] < 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    trainer = json.loads((home / "runs" / job / ".work" / "trainer-process.json").read_text())["pid"]
    return service, job, trainer


def stop(service: Service, job: str) -> None:
    """End a job and its service."""
    _post(service, f"/v1/jobs/{job}/cancel", None)
    service.stop()


@contextmanager
def followed(service: Service, job: str, followers: int) -> Iterator[list[list[float]]]:
    """When each follower's events came."""
    times: list[list[float]] = [[] for _ in range(followers)]
    connections = [service.connection() for _ in range(followers)]

    def follow(number: int) -> None:
        connections[number].request("GET", f"/v1/jobs/{job}/events")
        answer = connections[number].getresponse()
        try:
            while line := answer.readline():
                if line.startswith(b"data:"):
                    times[number].append(time.monotonic())
        except (OSError, ValueError, AttributeError):
            return

    threads = [threading.Thread(target=follow, args=(number,), daemon=True) for number in range(followers)]
    for thread in threads:
        thread.start()
    yield times


def _timed(service: Service, rows: bytes) -> tuple[int, float]:
    begun = time.perf_counter()
    status, _ = service.lint(rows)
    return status, time.perf_counter() - begun


def _plan(service: Service, model: str, **hyperparameters: Any) -> str:
    connection = service.connection()
    dataset = store(connection, (DESK / "train.jsonl").read_bytes(), "local")
    held = store(connection, (DESK / "validation.jsonl").read_bytes(), "local")
    body = {
        "dataset_id": dataset, "validation_dataset_id": held, "model": model, "technique": "lora",
        "hyperparameters": {"batch_size": 2} | hyperparameters,
    }  # fmt: skip
    return str(_post(service, "/v1/plans", body)["id"])


def _post(service: Service, path: str, body: object) -> Any:
    connection = service.connection()
    content = b"" if body is None else json.dumps(body).encode()
    connection.request("POST", path, content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    read = answer.read()
    assert answer.status < 300, read
    return json.loads(read)


def _get(service: Service, path: str) -> Any:
    connection = service.connection()
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())
