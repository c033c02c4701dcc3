"""Services over one database and one storage, on a disk that can be filled and by a line that can be cut."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "serving"))

import httpx
import psutil
from object_stores import Azurite, Moto, ObjectStore, Relay
from postgres_server import postgres_server
from quick_jobs import GUARD_SECONDS, Noting, Zygote, processes_of
from small_disk import SmallDisk

from service.settings import load_settings
from service.storage.storage import Storage

# two workers keep a service up while the other is dead; one of them is dead for good once it was silent so long
SILENCE = {"TUNEGATE_EXECUTOR_SILENCE_SECONDS": "3"}
STORES: dict[str, type[ObjectStore]] = {"azure": Azurite, "s3": Moto}
_DISK_BYTES = 64 << 20


class Services:
    """`storage` is folder, azure or s3; whatever is started ends with `ending`."""

    def __init__(
        self, database: str, storage: str, folder: Path, chance: random.Random, ending: contextlib.ExitStack
    ) -> None:
        self.name, self.folder, self.chance, self.ending = f"{database}, {storage}", folder, chance, ending
        self.killed = 0
        self.postgres = self.ending.enter_context(postgres_server()) if database == "postgres" else None
        self.disk = SmallDisk(folder / "disk", _DISK_BYTES)
        self.ending.callback(self.disk.close)
        self.settings = dict(SILENCE)
        if self.postgres is not None:
            self.postgres.create("chaos")
            self.settings["TUNEGATE_DATABASE_URL"] = self.postgres.address("chaos", "+psycopg")
        self.settings["TUNEGATE_STORAGE_URL"] = (self.disk.folder / "storage").as_uri()
        self.relay: Relay | None = None
        if storage != "folder":
            self._store(STORES[storage])
        self.zygote = Zygote()
        self.ending.callback(self.zygote.stop)
        self.homes = [self.disk.folder / name for name in (["one"] if self.postgres is None else ["one", "two"])]
        self.services: dict[str, Noting | None] = {home.name: None for home in self.homes}
        for home in self.homes:
            home.mkdir()
        self.ending.callback(self._end_services)
        self.start()

    def _store(self, kind: type[ObjectStore]) -> None:
        """A store of objects behind a line that can be cut; this process reaches it past that."""
        (self.folder / "store").mkdir()
        store = kind(self.folder / "store")
        self.ending.callback(store.stop)
        self.relay = Relay(store.port)
        self.settings |= store.environment(self.relay.port) | {"TUNEGATE_STORAGE_URL": store.url("chaos")}
        os.environ.update(store.environment())

    def start(self) -> None:
        """Whatever does not run."""
        for home in self.homes:
            if self.services[home.name] is None:
                settings = self.settings | {"TUNEGATE_EXECUTOR": home.name}
                self.services[home.name] = Noting(home, zygote=self.zygote, **settings)

    def running(self) -> list[Noting]:
        return [one for one in self.services.values() if one is not None]

    def living(self) -> Noting:
        return self.running()[0]

    def own_database(self) -> str:
        return f"sqlite:///{self.homes[0] / 'tunegate.sqlite'}"

    def open_storage(self) -> Storage:
        home = {"TUNEGATE_HOME": str(self.folder / "aside")}
        return Storage(load_settings(home | {"TUNEGATE_STORAGE_URL": self.settings["TUNEGATE_STORAGE_URL"]}))

    def launch(self) -> str:
        """One job, asked for until it is answered."""
        key = uuid.UUID(int=self.chance.getrandbits(128)).hex
        return str(self.patiently(lambda: self.chance.choice(self.running()).launch(epochs=6, key=key)))

    def patiently(self, ask: Callable[[], Any]) -> Any:
        """What is answered once a fault is over."""
        deadline = time.monotonic() + GUARD_SECONDS
        while True:
            try:
                return ask()
            except (httpx.HTTPError, AssertionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def seen(self, job: str) -> Any:
        return self.patiently(lambda: self.living().job(job))

    def kill_trainer(self, service: Noting, job: str) -> int:
        trainer = service.trainer(job)
        if trainer is None:
            return 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in [trainer, *trainer.children(recursive=True)]:
                one.kill()
            self.killed += 1
            return 1
        return 0

    def kill_service(self, name: str, job: str, *, with_trainer: bool) -> int:
        service = self.services[name]
        assert service is not None
        service.kill()
        self.services[name] = None
        self.killed += 1
        # a trainer that was being started, or outlives its service, is killed with its host
        return self.kill_trainer(service, job) if with_trainer else 0

    def processes(self) -> list[psutil.Process]:
        """Services with their children, and trainers."""
        found = [one for home in self.homes for one in processes_of(home)]
        for service in self.running():
            with contextlib.suppress(psutil.NoSuchProcess):
                own = psutil.Process(service.pid)
                found += [own, *own.children(recursive=True)]
        return found

    def where(self, job: str) -> tuple[str, str]:
        """(where the pipeline stands, the service that has the job's trainer, else any)."""
        shown: dict[str, Any] = {"state": "?", "step": None}
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            shown = self.living().job(job)
        state = str(shown["state"])
        moment = f"{state} ({shown['step']})" if state == "running" else state
        having = [one.home.name for one in self.running() if one.trainer(job) is not None]
        return moment, (having or [self.chance.choice(self.running()).home.name])[0]

    def _end_services(self) -> None:
        for service in self.running():
            service.end()
