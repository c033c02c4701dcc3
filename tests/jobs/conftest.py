"""One Postgres for the tests of several services; without its programs they are not collected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from postgres_server import FOUND, Postgres, postgres_server

collect_ignore = [] if FOUND else ["test_several_services.py", "test_audit_order.py", "test_woken_late.py"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as running:
        yield running
