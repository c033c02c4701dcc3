"""A short campaign with a fixed seed; `make chaos KILLS=100` is the long one."""

from __future__ import annotations

import random

import pytest
from campaign import report, site
from postgres_server import FOUND


@pytest.mark.parametrize("database", ["sqlite", *(["postgres"] if FOUND else [])])
def test_nothing_is_lost_doubled_or_left_behind(database: str) -> None:
    with site(database, random.Random(3)) as made:
        made.run(4)
    text = report([made], seed=3, seconds=0)
    assert "**0 violations**" in text, text
