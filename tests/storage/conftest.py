"""A folder and every store of objects whose server is on this machine, each as a real storage of the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made import Open
from object_stores import KINDS, ObjectStore

from service.settings import load_settings
from service.storage.storage import Storage

SDK = ("AZURE_", "AZURITE_", "AWS_")
Running = Callable[[type[ObjectStore]], ObjectStore]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of a kind, for all tests; those that hurt one start their own."""
    started: dict[type[ObjectStore], ObjectStore] = {}

    def of(kind: type[ObjectStore]) -> ObjectStore:
        if kind not in started:
            started[kind] = kind(tmp_path_factory.mktemp("store"))
        return started[kind]

    yield of
    for one in started.values():
        one.stop()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__.lower())
def store(request: pytest.FixtureRequest, running: Running) -> ObjectStore:
    """Every store of objects."""
    return running(request.param)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a storage by its URL and the variables of its SDK, with a data folder of its own."""

    def open_(url: str, environment: dict[str, str] | None = None, **settings: Any) -> Storage:
        for name in [one for one in os.environ if one.startswith(SDK)]:
            monkeypatch.delenv(name)
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        values = {"TUNEGATE_HOME": str(tmp_path / "home"), "TUNEGATE_STORAGE_URL": url}
        return Storage(load_settings(values | {name: str(value) for name, value in settings.items()}))

    return open_


@pytest.fixture(params=[None, *KINDS], ids=lambda kind: kind.__name__.lower() if kind else "folder")
def storage(request: pytest.FixtureRequest, tmp_path: Path, opened: Open, running: Running) -> Storage:
    """Every kind of storage, empty."""
    if request.param is None:
        return opened((tmp_path / "kept").as_uri())
    server = running(request.param)
    return opened(server.url(tmp_path.name), server.environment())
