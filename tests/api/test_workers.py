"""Large bodies are worked on by worker processes: small requests overtake them, and a worker that is killed is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.api.conftest import Server
from tests.api.test_uploads import CANARY, ROWS

# some seconds of linting, as every row has findings
LARGE = b'{"messages": [{"role": "User", "content": "%s"}]}\n' % CANARY.encode() * 45_000
# large too, and soon done
BEYOND = ROWS * 120
_SMALL = 30


@pytest.fixture
def fresh(serve: Callable[..., Server], tmp_path: Path) -> Iterator[Server]:
    """A service that nobody has asked anything, and that prepares nothing."""
    running = serve(tmp_path)
    yield running
    running.stop()


def workers(server: Server) -> list[psutil.Process]:
    """The worker processes of a service."""
    found = psutil.Process(server.process.pid).children(recursive=True)
    return [one for one in found if "spawn_main" in _command_of(one)]


def _command_of(process: psutil.Process) -> str:
    """Nothing for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_a_worker_is_started_when_it_is_needed_and_kept(fresh: Server) -> None:
    assert fresh.lint(ROWS).status_code == 200
    assert workers(fresh) == []
    assert fresh.lint(BEYOND).status_code == 200
    kept = workers(fresh)
    assert len(kept) == 1
    assert fresh.lint(BEYOND + ROWS).status_code == 200
    assert workers(fresh) == kept


def test_small_requests_are_answered_while_a_large_body_is_linted(fresh: Server) -> None:
    with ThreadPoolExecutor(_SMALL + 1) as pool:
        large = pool.submit(fresh.lint, LARGE)
        fresh.until(lambda: workers(fresh), seconds=60)
        small = [pool.submit(fresh.lint, ROWS) for _ in range(_SMALL)]
        health = fresh.http.get("/health/live")
        ended = [one.result() for one in small]
        overtaken = not large.done()
        assert large.result().status_code == 200
    assert health.status_code == 200
    assert [one.status_code for one in ended] == [200] * _SMALL
    assert overtaken


def test_small_bodies_do_not_wait_for_a_queue_of_large_ones(fresh: Server) -> None:
    with ThreadPoolExecutor(9) as pool:
        large: list[Future[Any]] = [pool.submit(fresh.lint, LARGE[: 17_500 * 65]) for _ in range(8)]
        fresh.until(lambda: len(fresh.waiting) == len(large), seconds=60)
        assert pool.submit(fresh.lint, ROWS).result().status_code == 200
        assert wait(large, return_when=FIRST_COMPLETED).not_done
        assert {one.result().status_code for one in large} == {200}


def test_a_worker_that_is_killed_is_told_and_the_next_one_works(fresh: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(fresh.lint, LARGE)
        fresh.until(lambda: workers(fresh), seconds=60)
        fresh.until(lambda: [path.stat().st_size for path in fresh.waiting] == [len(LARGE)], seconds=60)
        for one in workers(fresh):
            one.kill()
        answer = asked.result()
    assert "memory" in fresh.refused(answer, 503, "worker_lost")["detail"]
    assert int(answer.headers["retry-after"]) > 0
    assert fresh.waiting == []
    assert fresh.lint(BEYOND).status_code == 200
    # one that dies while it is idle is not even seen
    for one in workers(fresh):
        one.kill()
    fresh.until(lambda: not any(_lives(one) for one in workers(fresh)), seconds=60)
    assert fresh.lint(BEYOND).status_code == 200


def test_work_in_a_worker_ends_with_its_client_and_the_worker_is_kept(fresh: Server) -> None:
    assert fresh.lint(BEYOND).status_code == 200
    (kept,) = workers(fresh)
    with fresh.dial("/v1/lint?target=local&privacy=off HTTP/1.1", b"Content-Length: %d\r\n\r\n" % len(LARGE), LARGE):
        fresh.until(lambda: [path.stat().st_size for path in fresh.waiting] == [len(LARGE)], seconds=60)
        fresh.until(lambda: kept.cpu_percent(0.1) > 0, seconds=60)
    fresh.until(lambda: fresh.waiting == [], seconds=60)
    assert fresh.lint(BEYOND).status_code == 200
    assert workers(fresh) == [kept]


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_no_worker_outlives_the_service(serve: Callable[..., Server], tmp_path: Path, how: str) -> None:
    server = serve(tmp_path, TUNEGATE_SHUTDOWN_SECONDS="1")
    threading.Thread(target=_ignored, args=(server, LARGE), daemon=True).start()
    server.until(lambda: workers(server), seconds=60)
    found = psutil.Process(server.process.pid).children(recursive=True)
    getattr(server.process, how)()
    server.process.wait(60)
    server.until(lambda: not any(_lives(one) for one in found), seconds=60)


def test_nothing_of_a_large_body_is_in_a_command_line_or_logged(fresh: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(fresh.lint, LARGE)
        fresh.until(lambda: workers(fresh), seconds=60)
        told = [" ".join(one.cmdline()) for one in psutil.Process(fresh.process.pid).children(recursive=True)]
        answer = asked.result()
    assert answer.json()["verdict"] == "fail"
    assert [one for one in (*told, answer.text, fresh.log.read_text()) if CANARY in one] == []


def _ignored(server: Server, body: bytes) -> None:
    try:
        server.lint(body)
    except Exception:  # noqa: BLE001 - the service ends meanwhile
        return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
