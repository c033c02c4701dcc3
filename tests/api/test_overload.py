"""More than the service takes at once is told to come back; nothing hangs, and health and streams go on."""

from __future__ import annotations

import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Server
from tests.api.test_uploads import BROKEN_OFF, ROWS

_CROWD = 200


def _asked(server: Server, _: int) -> Any:
    # a connection of its own each, as callers that do not know one another have
    query = {"target": "local", "privacy": "off"}
    return httpx.post(f"{server.url}/v1/lint", params=query, content=ROWS, timeout=120, trust_env=False)


def test_a_crowd_is_answered(server: Any) -> None:
    with ThreadPoolExecutor(_CROWD) as pool:
        answers = list(pool.map(lambda one: _asked(server, one), range(_CROWD)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert server.waiting == []


def test_more_of_a_crowd_than_may_is_told_to_come_back(serve: Callable[..., Server], tmp_path: Path) -> None:
    small = serve(tmp_path, TUNEGATE_BODIES_AT_ONCE="3")
    with ThreadPoolExecutor(_CROWD) as pool:
        answers = list(pool.map(lambda one: _asked(small, one), range(_CROWD)))
    counted = {status: [one for one in answers if one.status_code == status] for status in (200, 503)}
    assert len(counted[200]) + len(counted[503]) == _CROWD
    assert counted[200]
    for answer in counted[503]:
        assert small.refused(answer, 503, "busy")
        assert int(answer.headers["retry-after"]) > 0
    assert small.lint(ROWS).status_code == 200
    small.stop()


def test_while_no_body_is_taken_all_else_is_answered(serve: Callable[..., Server], tmp_path: Path) -> None:
    full = serve(tmp_path, TUNEGATE_BODIES_AT_ONCE="1")
    with full.dial("/v1/lint?target=local&privacy=off HTTP/1.1", *BROKEN_OFF["chunked"]):
        full.until(lambda: full.waiting)
        full.refused(full.lint(ROWS), 503, "busy")
        full.refused(full.lint(ROWS, route="datasets"), 503, "busy")
        assert full.http.get("/health/live").status_code == 200
        assert full.http.get("/v1/jobs").status_code == 200
    full.until(lambda: full.waiting == [])
    assert full.lint(ROWS).status_code == 200
    full.stop()


def test_bodies_take_no_more_disk_than_they_may(serve: Callable[..., Server], tmp_path: Path) -> None:
    tight = serve(tmp_path, TUNEGATE_BODIES_BYTES="20000")
    # one alone is taken whatever its size: it has a limit of its own
    assert tight.lint(ROWS * 10).status_code == 200
    with tight.dial("/v1/lint?target=local&privacy=off HTTP/1.1", *BROKEN_OFF["counted"]):
        tight.until(lambda: tight.waiting)
        tight.refused(tight.lint(ROWS), 503, "busy")
        tight.refused(tight.lint(iter([ROWS, ROWS])), 503, "busy")
        assert tight.lint(ROWS[: ROWS.index(b"\n") + 1]).status_code == 200
    tight.until(lambda: tight.waiting == [])
    assert tight.lint(ROWS).status_code == 200
    tight.stop()


@pytest.mark.parametrize("rows", [3_000, 90_000], ids=["small", "large"])
def test_a_full_disk_is_told_and_leaves_nothing(server: Any, rows: int) -> None:
    body = b'{"messages": []}\n' * rows
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (len(body) - 1, before[1]))
    try:
        full = server.lint(body, route="datasets")
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    server.refused(full, 507, "disk_full")
    assert server.waiting == []
    assert server.lint(body).status_code == 200
