"""One Postgres for the tests of several services; without its programs they are not collected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from postgres_server import FOUND, Postgres, postgres_server

_OVER_POSTGRES = ["audit_order", "evaluations_move", "several_services", "without_a_worker", "woken_late"]
collect_ignore = [] if FOUND else [f"test_{name}.py" for name in _OVER_POSTGRES]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as running:
        yield running
