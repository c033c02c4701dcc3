"""Stores that are cut off, killed, that refuse us, and disks that are full: told, and nothing half written anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from made import MIB, Open, everything, file_of, run_of
from object_stores import Azurite, Moto, ObjectStore, Relay

from service.errors import TuneGateError
from service.storage.storage import Storage

SIZE = 24 * MIB


@pytest.fixture
def line(store: ObjectStore) -> Any:
    relay = Relay(store.port)
    yield relay
    relay.cut()


@pytest.fixture
def cut_off(store: ObjectStore, line: Relay, tmp_path: Path, opened: Open) -> Storage:
    """A storage that is reached by a line which can be cut."""
    return opened(store.url(tmp_path.name), store.environment(line.port))


def told(raised: pytest.ExceptionInfo[TuneGateError], code: str, store: ObjectStore | None = None) -> None:
    error = raised.value
    assert error.code == code
    assert error.remedy
    words = " ".join([error.detail, error.remedy, *map(str, error.errors)])
    for secret in [] if store is None else store.environment().values():
        assert secret not in words


def test_a_cut_while_a_file_goes_out_leaves_nothing(
    cut_off: Storage, line: Relay, tmp_path: Path, store: ObjectStore
) -> None:
    path, sha256, identifier = file_of(tmp_path, SIZE)
    files = cut_off.of("desk")
    line.cut_after(sent=10 * MIB)
    with pytest.raises(TuneGateError) as raised:
        files.keep_dataset(identifier, path)
    told(raised, "storage_unreachable", store)
    assert [one.where for one in cut_off.unready()] == ["storage"]
    line.mend()
    assert not files.has_dataset(identifier)
    assert everything(cut_off) == []
    assert cut_off.unready() == []
    files.keep_dataset(identifier, path)
    assert files.dataset(identifier, sha256=sha256, size=SIZE).read_bytes() == path.read_bytes()


def test_a_cut_while_a_file_comes_in_leaves_nothing(
    cut_off: Storage, line: Relay, tmp_path: Path, store: ObjectStore
) -> None:
    path, sha256, identifier = file_of(tmp_path, SIZE)
    job, _ = run_of(cut_off.runs, 8 * MIB)
    files = cut_off.of("desk")
    files.keep_dataset(identifier, path)
    files.keep_artifact(job)
    shutil.rmtree(cut_off.runs / job)
    for ask in (lambda: files.dataset(identifier, sha256=sha256, size=SIZE), lambda: files.artifact(job)):
        line.cut_after(given=10 * MIB)
        with pytest.raises(TuneGateError) as raised:
            ask()
        told(raised, "storage_unreachable", store)
        home = cut_off.copies.parent
        assert [one for one in home.rglob("*") if one.is_file()] == []
        line.mend()
        assert ask()
        for done in (cut_off.copies, cut_off.runs):
            if done.exists():
                shutil.rmtree(done)
                done.mkdir()


def test_a_store_that_is_killed_and_comes_back_goes_on(tmp_path: Path, opened: Open, store: ObjectStore) -> None:
    (tmp_path / "own-store").mkdir()
    own = type(store)(tmp_path / "own-store")
    try:
        storage = opened(own.url("p"), own.environment())
        path, sha256, identifier = file_of(tmp_path, MIB)
        files = storage.of("desk")
        files.keep_dataset(identifier, path)
        own.stop()
        assert [one.where for one in storage.unready()] == ["storage"]
        with pytest.raises(TuneGateError) as raised:
            files.dataset(identifier, sha256=sha256, size=MIB)
        told(raised, "storage_unreachable", own)
        own.start()
        assert storage.unready() == []
        # these emulators forget what they held when they are killed: it is missing then, and said to be
        with pytest.raises(TuneGateError) as raised:
            files.dataset(identifier, sha256=sha256, size=MIB)
        told(raised, "storage_missing", own)
        files.keep_dataset(identifier, path)
        assert files.dataset(identifier, sha256=sha256, size=MIB).read_bytes() == path.read_bytes()
    finally:
        own.stop()


@pytest.mark.skipif(not Azurite.found, reason="no Azurite here")
def test_a_key_that_azure_does_not_know_is_told_without_it(tmp_path: Path, opened: Open, running: Any) -> None:
    store = running(Azurite)
    wrong = store.environment() | {"AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmcga2V5IG9mIHF1b2trYXM="}
    _refused(opened(store.url("p"), wrong), tmp_path, store, "d3Jvbmcg")


@pytest.mark.skipif(not Moto.found, reason="no moto server here")
def test_a_key_that_s3_does_not_know_is_told_without_it(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # after the bucket is made, every call is held against the keys that there are: none
    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", "1")
    store = Moto(tmp_path)
    try:
        _refused(opened(store.url("p"), store.environment()), tmp_path, store, "its-secret")
    finally:
        store.stop()


def _refused(storage: Storage, folder: Path, store: ObjectStore, secret: str) -> None:
    path, sha256, identifier = file_of(folder)
    files = storage.of("desk")
    for ask in (
        lambda: files.keep_dataset(identifier, path),
        lambda: files.has_dataset(identifier),
        lambda: files.dataset(identifier, sha256=sha256, size=100),
    ):
        with pytest.raises(TuneGateError) as raised:
            ask()
        told(raised, "storage_refused", store)
        assert secret not in raised.value.detail + raised.value.remedy
    (error,) = storage.unready()
    assert (error.where, error.seen) == ("storage", "The object storage refuses us")


def test_a_container_that_is_not_there_is_told(store: ObjectStore, tmp_path: Path, opened: Open) -> None:
    storage = opened(store.url("p", container="absent"), store.environment())
    path, _, identifier = file_of(tmp_path)
    assert [one.where for one in storage.unready()] == ["storage"]
    with pytest.raises(TuneGateError) as raised:
        storage.of("desk").keep_dataset(identifier, path)
    told(raised, "storage_unreachable", store)


FULL = """
import json, os, resource, sys
from pathlib import Path
from service.errors import TuneGateError
from service.settings import load_settings
from service.storage.storage import Storage
identifier, path, sha256, verb = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
files = Storage(load_settings()).of("desk")
try:
    if verb == "keep":
        files.keep_dataset(identifier, Path(path))
    else:
        files.dataset(identifier, sha256=sha256, size=0)
except TuneGateError as error:
    print(json.dumps([error.code, error.detail]))
"""


def _with_a_full_disk(*arguments: object, **environment: str) -> Any:
    """What a process says whose files cannot grow beyond a MiB, as on a disk that is full."""
    command = [sys.executable, "-c", FULL, *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_full_disk_is_told_and_leaves_nothing(store: ObjectStore, tmp_path: Path, opened: Open) -> None:
    storage = opened(store.url(tmp_path.name), store.environment())
    path, sha256, identifier = file_of(tmp_path, 3 * MIB)
    storage.of("desk").keep_dataset(identifier, path)
    variables = {"TUNEGATE_HOME": str(tmp_path / "home"), "TUNEGATE_STORAGE_URL": store.url(tmp_path.name)}
    assert _with_a_full_disk(identifier, path, sha256, "dataset", **variables)[0] == "disk_full"
    assert [one for one in storage.copies.rglob("*") if one.is_file()] == []


def test_a_full_storage_folder_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    path, sha256, identifier = file_of(tmp_path, 3 * MIB)
    # another disk, so that the bytes are written and not linked
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        assert Path(other).stat().st_dev != tmp_path.stat().st_dev
        variables = {"TUNEGATE_HOME": str(tmp_path / "home"), "TUNEGATE_STORAGE_URL": Path(other).as_uri()}
        assert _with_a_full_disk(identifier, path, sha256, "keep", **variables)[0] == "disk_full"
        assert [one for one in Path(other).rglob("*") if one.is_file()] == []
