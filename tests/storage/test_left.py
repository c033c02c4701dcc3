"""What a kill leaves in the storage before a record names it is found, and nothing that is named or new is touched."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest
from made import everything, file_of, run_of
from quick_jobs import DESK, Noting

from service.clock import later, now
from service.jobs.removing import remove_left
from service.settings import load_settings
from service.storage.storage import Storage
from service.store.database import migrate, open_engine
from service.store.store import Store

FUTURE = 60


def test_bytes_of_a_service_that_was_killed_before_the_record_are_removed_once_they_are_old(tmp_path: Path) -> None:
    killed = {"at": "record", "after": 1, "number": int(signal.SIGKILL)}
    service = Noting(tmp_path, signalled=killed)
    rows = (DESK / "train.jsonl").read_bytes()
    with pytest.raises(httpx.HTTPError):
        service.http.post("/v1/datasets", params={"target": "local"}, content=rows)
    service.gone()
    [left] = (tmp_path / "storage" / "default" / "datasets").iterdir()
    again = Noting(tmp_path)
    try:
        assert again.http.get(f"/v1/datasets/{left.stem}").status_code == 404
        store = Store(open_engine(f"sqlite:///{tmp_path / 'tunegate.sqlite'}"))
        storage = Storage(load_settings({"TUNEGATE_HOME": str(tmp_path)}))
        # it may be an upload that goes on
        assert remove_left(store, storage, before=now()[:10]) == 0
        assert left.exists()
        assert remove_left(store, storage, before=later(FUTURE)) == 1
        assert not left.exists()
        # asked for again it is kept, and stays
        answer = again.http.post("/v1/datasets", params={"target": "local"}, content=rows)
        assert (answer.json()["id"], left.exists()) == (left.stem, True)
        assert remove_left(store, storage, before=later(FUTURE)) == 0
        assert left.exists()
        assert store.storing.begun(later(FUTURE)) == []
    finally:
        again.stop()


def test_only_what_this_database_began_is_removed(storage: Storage, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'tunegate.sqlite'}")
    migrate(engine)
    store = Store(engine)
    path, _, foreign = file_of(tmp_path)
    _, _, begun = file_of(tmp_path)
    storage.of("desk").keep_dataset(foreign, path)
    store.of("desk").storing.begin("dataset", begun)
    storage.of("desk").keep_dataset(begun, path)
    job, _ = run_of(storage.runs)
    store.of("desk").storing.begin("artifact", job)
    storage.of("desk").keep_artifact(job)
    assert remove_left(store, storage, before=later(FUTURE)) == 2
    assert everything(storage) == [f"desk/datasets/{foreign}.jsonl"]
