"""Reads and writes webhooks and what became of their messages, as one project sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.errors import TuneGateError
from service.records.access import Deed
from service.records.webhook import Ping, Webhook, WebhookDelivery, WebhookSecret
from service.store.audit import append
from service.store.outbox import KeptSecret, address, live, unfinished
from service.store.projects import within
from service.store.tables import DEFAULT_PROJECT, outbox, webhooks


class Webhooks:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        self._engine = engine
        self._project = project

    def add(
        self, url: str, events: Sequence[str], secret: KeptSecret, identifier: str, *, most: int, deed: Deed
    ) -> Webhook:
        """Keep a new one with who made it.

        Raises:
            TuneGateError: `quota_exceeded` when the project has as many as it may.
        """
        row = {
            "id": identifier,
            "project": self._project or DEFAULT_PROJECT,
            "url": url,
            "events": msgspec.json.encode(list(events)).decode(),
            "secrets": _encoded([secret]),
            "created_at": now(),
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(webhooks).values(row))
            # counted after the insert, which has taken SQLite's lock
            count = sa.select(sa.func.count()).select_from(webhooks).where(within(webhooks, row["project"]))
            if connection.execute(count).scalar_one() > most:
                remedy = "DELETE one that is not needed."
                raise TuneGateError(
                    "quota_exceeded", f"The project has {most} webhooks, as many as it may.", remedy=remedy
                )
            append(connection, self._project, deed, identifier)
            return _webhook(_row(connection, identifier, self._project))

    def get(self, identifier: str) -> Webhook:
        """One by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            return _webhook(_row(connection, identifier, self._project))

    def page(self, *, after: int, limit: int) -> list[tuple[int, Webhook]]:
        """(number, webhook), the oldest first."""
        query = sa.select(webhooks).where(webhooks.c.n > after, within(webhooks, self._project))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(webhooks.c.n).limit(limit)).mappings()
            return [(int(row["n"]), _webhook(row)) for row in rows]

    def forget(self, identifier: str, deed: Deed) -> None:
        """Remove one for good, with what was to be sent to it.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.begin() as connection:
            gone = sa.delete(webhooks).where(webhooks.c.id == identifier, within(webhooks, self._project))
            if not connection.execute(gone).rowcount:
                raise _unknown()
            append(connection, self._project, deed, identifier)

    def exchange(self, identifier: str, secret: KeptSecret, *, others_until: str, deed: Deed) -> Webhook:
        """Add a secret; those there were are used until then, or as long as they were.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.begin() as connection:
            row = _row(connection, identifier, self._project, lock=True)
            kept = [
                msgspec.structs.replace(one, expires_at=min(one.expires_at or others_until, others_until))
                for one in live(row["secrets"])
            ]
            changed = {"secrets": _encoded([*(one for one in kept if (one.expires_at or "") > now()), secret])}
            connection.execute(sa.update(webhooks).where(webhooks.c.id == identifier).values(changed))
            append(connection, self._project, deed, identifier)
            return _webhook(_row(connection, identifier, self._project))

    def enable(self, identifier: str, deed: Deed) -> Webhook:
        """Send to it again what happens from now on.

        Raises:
            TuneGateError: `unknown_id`.
        """
        one = sa.and_(webhooks.c.id == identifier, within(webhooks, self._project))
        with self._engine.begin() as connection:
            changed = sa.update(webhooks).where(one, webhooks.c.disabled.is_not(None)).values(disabled=None)
            if connection.execute(changed).rowcount:
                append(connection, self._project, deed, identifier)
            return _webhook(_row(connection, identifier, self._project))

    def ping(self, identifier: str, *, most: int) -> WebhookDelivery:
        """Queue a message that says nothing but that the webhook exists.

        Raises:
            TuneGateError: `unknown_id`, `webhook_disabled`, `quota_exceeded`.
        """
        with self._engine.begin() as connection:
            row = self._willing(connection, identifier, most)
            data = Ping(project=str(row["project"]), webhook=identifier)
            message = address(connection, identifier, "webhook.ping", data)
            return _delivery(_message(connection, identifier, message))

    def deliveries(self, identifier: str, *, after: int, limit: int) -> list[tuple[int, WebhookDelivery]]:
        """(number, delivery) of one webhook, the oldest first.

        Raises:
            TuneGateError: `unknown_id`.
        """
        query = sa.select(outbox).where(outbox.c.webhook_id == identifier, outbox.c.n > after)
        with self._engine.connect() as connection:
            _row(connection, identifier, self._project)
            rows = connection.execute(query.order_by(outbox.c.n).limit(limit)).mappings()
            return [(int(row["n"]), _delivery(row)) for row in rows]

    def again(self, identifier: str, message: str, *, most: int) -> WebhookDelivery:
        """Send a message once more, with all its tries; one that waits is tried at once.

        Raises:
            TuneGateError: `unknown_id`, `webhook_disabled`, `quota_exceeded`.
        """
        with self._engine.begin() as connection:
            _row(connection, identifier, self._project)
            _message(connection, identifier, message)
            self._willing(connection, identifier, most)
            values = {"state": "pending", "tries": 0, "due_at": now()}
            connection.execute(sa.update(outbox).where(outbox.c.id == message).values(values))
            return _delivery(_message(connection, identifier, message))

    def _willing(self, connection: sa.Connection, identifier: str, most: int) -> sa.RowMapping:
        row = _row(connection, identifier, self._project, lock=True)
        if row["disabled"] is not None:
            remedy = f"POST /v1/webhooks/{identifier}/enable once it answers again."
            raise TuneGateError("webhook_disabled", f"Nothing is sent to it ({row['disabled']}).", remedy=remedy)
        if unfinished(connection, identifier) >= most:
            remedy = "Wait until some are delivered or given up."
            raise TuneGateError("quota_exceeded", f"{most} messages wait for this webhook.", remedy=remedy)
        return row


def _row(connection: sa.Connection, identifier: str, project: str | None, *, lock: bool = False) -> sa.RowMapping:
    query = sa.select(webhooks).where(webhooks.c.id == identifier, within(webhooks, project))
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise _unknown()
    return row


def _message(connection: sa.Connection, identifier: str, message: str) -> sa.RowMapping:
    query = sa.select(outbox).where(outbox.c.webhook_id == identifier, outbox.c.id == message)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise TuneGateError("unknown_id", "The webhook has no delivery with this id.")
    return row


def _unknown() -> TuneGateError:
    return TuneGateError("unknown_id", "No webhook with this id is known here.")


def _encoded(secrets: Sequence[KeptSecret]) -> str:
    return msgspec.json.encode(secrets).decode()


def _webhook(row: sa.RowMapping) -> Webhook:
    values: dict[str, Any] = {name: row[name] for name in ("id", "url", "disabled", "created_at")}
    shown = [WebhookSecret(made_at=one.made_at, expires_at=one.expires_at) for one in live(row["secrets"])]
    state = "active" if row["disabled"] is None else "disabled"
    events = msgspec.json.decode(row["events"])
    return msgspec.convert(values | {"events": events, "state": state, "secrets": msgspec.to_builtins(shown)}, Webhook)


def _delivery(row: sa.RowMapping) -> WebhookDelivery:
    last = {"at": row["tried_at"], "outcome": row["outcome"], "status": row["status"]} if row["tried_at"] else None
    values: dict[str, Any] = {name: row[name] for name in ("id", "type", "state", "tries", "created_at")}
    due = row["due_at"] if row["state"] == "pending" else None
    return msgspec.convert(values | {"next_try_at": due, "last_try": last}, WebhookDelivery)
