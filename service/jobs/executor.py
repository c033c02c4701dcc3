"""Who carries out jobs in this process: a name that only one service holds, and a new incarnation at each start.

Over SQLite the lock of the data folder is enough. Over Postgres the name is held by a lock of a session of its own,
which beats; a session that is cut is made again, and a service whose jobs others took over meanwhile ends.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from service.errors import TuneGateError
from service.files import write_atomically
from service.store.executors import Executors

_LOG = logging.getLogger("tunegate.jobs")
_HOME = "home-id"
_BEAT_SECONDS = 2.0
# a service that was killed a moment ago may still have its session
_PATIENCE_SECONDS, _POLL_SECONDS = 10.0, 0.2
# Postgres takes so long at most to see that our own session was cut (service.store.executors)
_GHOST_SECONDS = 60.0


class Executor:
    """The name, held from `hold` to `release`."""

    def __init__(self, name: str, home: Path, executors: Executors | None, *, silence_seconds: int) -> None:
        self.name = name
        self.incarnation = uuid.uuid4().hex
        self.home = home_id(home)
        self.others = executors
        self.silent_ms = silence_seconds * 1000
        # set when the name is lost for good
        self.lost = threading.Event()
        # how often the session that holds it was cut, because the database did not answer
        self.cuts = 0
        self._held = threading.Event()
        self._ending = threading.Event()
        self._beat_seconds = min(_BEAT_SECONDS, silence_seconds / 5)
        self._refused_since: float | None = None
        self._connection: sa.Connection | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="executor")

    @property
    def id(self) -> str:
        """What DBOS knows this process by."""
        return f"{self.name}/{self.incarnation}"

    @property
    def held(self) -> bool:
        """Whether work may be begun."""
        return self._held.is_set()

    async def until_held(self) -> None:
        """Wait while the database does not answer, or somebody else has the name."""
        while not self.held:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(_POLL_SECONDS)

    @asynccontextmanager
    async def dead(self, name: str) -> AsyncIterator[bool]:
        """Whether another service is dead, which it stays during the block."""
        if self.others is None:
            yield name != self.name
            return
        found = self.others.dead(name, silent_ms=self.silent_ms)
        dead = await asyncio.to_thread(found.__enter__)
        try:
            yield dead
        finally:
            await asyncio.to_thread(found.__exit__, None, None, None)

    def hold(self, version: str) -> None:
        """Take the name and keep it.

        Raises:
            TuneGateError: `executor_held` when another service has it.
        """
        if self.others is None:
            self._held.set()
            return
        connection = self.others.connect()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self.others.hold(connection, self.name):
            if time.monotonic() > deadline:
                connection.close()
                raise TuneGateError(
                    "executor_held",
                    f"Another service carries out jobs of this database as {self.name!r}.",
                    remedy="Stop it, or give this one a name of its own: TUNEGATE_EXECUTOR=NAME.",
                )
            time.sleep(_POLL_SECONDS)
        self.others.begin(connection, self.name, self.incarnation, version)
        self._connection = connection
        self._held.set()
        self._keeper.start()

    def release(self) -> None:
        """Give the name back."""
        self._ending.set()
        if self._keeper.is_alive():
            self._keeper.join()
        self._drop()

    def _keep(self) -> None:
        while not self._ending.wait(self._beat_seconds):
            try:
                if self._connection is None and not self._again():
                    continue
                assert self.others is not None
                assert self._connection is not None
                if not self.others.beat(self._connection, self.name, self.incarnation):
                    self._lose("others took over its jobs while it was silent")
                    return
                self._held.set()
            except sa.exc.SQLAlchemyError as error:
                if self._held.is_set():
                    self.cuts += 1
                    _LOG.warning("The session that holds %r was cut (%s).", self.name, type(error).__name__)
                self._drop()

    def _again(self) -> bool:
        """A new session after one that was cut."""
        assert self.others is not None
        connection = self.others.connect()
        if self.others.hold(connection, self.name):
            self._connection, self._refused_since = connection, None
            return True
        connection.close()
        self._refused_since = self._refused_since or time.monotonic()
        if time.monotonic() - self._refused_since > _GHOST_SECONDS:
            self._lose("another service goes by it")
        return False

    def _drop(self) -> None:
        self._held.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sa.exc.SQLAlchemyError:
                connection.invalidate()

    def _lose(self, why: str) -> None:
        _LOG.error("The name %r is lost: %s. The service ends.", self.name, why)
        self._ending.set()
        self._drop()
        self.lost.set()


def home_id(home: Path) -> str:
    """What a data folder is known by: hosts may have different folders at the same path."""
    path = home / _HOME
    if not path.is_file():
        write_atomically(path, uuid.uuid4().hex.encode())
    return path.read_text()


def is_home(home: Path, identifier: str | None) -> bool:
    """Whether the data folder is here, at the path that another service knows it by."""
    try:
        return (home / _HOME).read_text() == identifier
    except OSError:
        return False
