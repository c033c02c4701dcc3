"""Who reads the audit log on from a number misses nothing, also what was begun earlier and is committed later."""

from __future__ import annotations

import os
import threading

import sqlalchemy as sa
from postgres_server import Postgres
from quick_jobs import until

from service.records.access import Deed
from service.store.audit import append
from service.store.database import migrate, open_engine
from service.store.store import Store

WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


def test_entries_are_numbered_in_the_order_in_which_they_can_be_read(postgres: Postgres) -> None:
    name = f"d{os.urandom(6).hex()}"
    postgres.create(name)
    engine = open_engine(postgres.address(name, "+psycopg"))
    migrate(engine)
    store = Store(engine, "default")
    second = threading.Thread(target=store.audit.note, args=(Deed("b", "key.made"), "second"))
    with engine.begin() as slow:
        append(slow, "default", Deed("a", "key.made"), "first")
        second.start()

        def waits() -> bool:
            with engine.connect() as connection:
                return bool(connection.execute(WAITING).scalar_one())

        until(lambda: waits() or not second.is_alive())
        # what a reader takes for the end of the log
        read = [one.subject for one in store.audit.page(after=0, limit=10)]
        last = max((one.n for one in store.audit.page(after=0, limit=10)), default=0)
    second.join(60)
    read += [one.subject for one in store.audit.page(after=last, limit=10)]
    assert read == ["first", "second"]
    engine.dispose()


def test_many_who_write_at_once_are_all_read_by_one_who_pages_meanwhile(postgres: Postgres) -> None:
    name = f"d{os.urandom(6).hex()}"
    postgres.create(name)
    engine = open_engine(postgres.address(name, "+psycopg"))
    migrate(engine)
    store, written = Store(engine, "default"), [f"{writer}-{n}" for writer in range(4) for n in range(25)]

    def write(writer: int) -> None:
        for n in range(25):
            store.audit.note(Deed("a", "key.made"), f"{writer}-{n}")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    read: list[str] = []
    last = 0
    while any(thread.is_alive() for thread in threads) or len(read) < len(written):
        page = store.audit.page(after=last, limit=7)
        read += [one.subject for one in page]
        last = page[-1].n if page else last
        if not page and not any(thread.is_alive() for thread in threads):
            break
    read += [one.subject for one in store.audit.page(after=last, limit=200)]
    assert sorted(read) == sorted(written)
    engine.dispose()
