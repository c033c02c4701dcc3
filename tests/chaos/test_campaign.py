"""A short campaign with a fixed seed; `make chaos KILLS=100` is the long one."""

from __future__ import annotations

import random

import pytest
from campaign import report
from object_stores import KINDS, Azurite
from postgres_server import FOUND
from site_under_fault import site

STORAGE = "folder" if not KINDS else "azure" if Azurite.found else "s3"


@pytest.mark.parametrize(("database", "storage"), [("sqlite", STORAGE), *([("postgres", "folder")] if FOUND else [])])
def test_nothing_is_lost_doubled_or_left_behind(database: str, storage: str) -> None:
    with site(database, storage, random.Random(3)) as made:
        made.run(4)
    text = report([made], seed=3, seconds=0)
    assert "**0 violations**" in text, text
