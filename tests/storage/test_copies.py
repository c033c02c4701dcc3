"""Local copies of a remote store stay within their bound; what is in use, or was just now, stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from made import MIB, Open, file_of, run_of
from object_stores import ObjectStore

from service.storage.copies import RESTS_SECONDS
from service.storage.storage import Storage


@pytest.fixture
def storage(store: ObjectStore, tmp_path: Path, opened: Open) -> Storage:
    return opened(store.url(tmp_path.name), store.environment(), TUNEGATE_CACHE_BYTES=4 * MIB)


def rested(storage: Storage, *paths: Path) -> Storage:
    """The same as after a start, with copies that nobody asked for since."""
    long_ago = time.time() - RESTS_SECONDS - 60
    for n, path in enumerate(paths):
        os.utime(path, (long_ago + n, long_ago + n))
    again = object.__new__(Storage)
    again.__dict__.update(storage.__dict__)
    again.room = type(storage.room)(4 * MIB)
    return again


def test_the_longest_unused_go_first(storage: Storage, tmp_path: Path) -> None:
    found = []
    for _ in range(3):
        path, sha256, identifier = file_of(tmp_path, 2 * MIB)
        storage.of("desk").keep_dataset(identifier, path)
        found.append((identifier, sha256))
    first, second = (storage.of("desk").dataset(one, sha256=sha256, size=2 * MIB) for one, sha256 in found[:2])
    # all of them are being read
    third = storage.of("desk").dataset(found[2][0], sha256=found[2][1], size=2 * MIB)
    assert all(one.exists() for one in (first, second, third))
    third.unlink()
    storage = rested(storage, first, second)
    storage.of("desk").dataset(found[2][0], sha256=found[2][1], size=2 * MIB)
    assert [one.exists() for one in (first, second, third)] == [False, True, True]


def test_what_an_open_job_reads_stays(storage: Storage, tmp_path: Path) -> None:
    path, sha256, identifier = file_of(tmp_path, 3 * MIB)
    files = storage.of("desk")
    files.keep_dataset(identifier, path)
    kept = files.dataset(identifier, sha256=sha256, size=3 * MIB)
    job, _ = run_of(storage.runs, MIB)
    files.keep_artifact(job)
    unkept, _ = run_of(storage.runs, MIB)
    storage = rested(storage, kept, storage.runs / job)
    storage.in_use = lambda: {kept}
    storage.make_room(3 * MIB)
    # a run whose artifact is in the store can be fetched again; one that is not there yet stays
    assert kept.exists()
    assert not (storage.runs / job).exists()
    assert (storage.runs / unkept).exists()
    assert storage.of("desk").artifact(job).is_dir()
