"""What keeps projects apart in the tables that they share."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from service.store.tables import DEFAULT_PROJECT


def key_digest(project: str | None, idempotency_key: str | None) -> str | None:
    """What is stored of an Idempotency-Key: unique in its project, and nothing of what the caller wrote."""
    if idempotency_key is None:
        return None
    return hashlib.sha256(f"{project or DEFAULT_PROJECT}\0{idempotency_key}".encode()).hexdigest()


def within(table: sa.Table, project: str | None) -> sa.ColumnElement[bool]:
    """The condition that a row is the project's; true of every row where no project is given."""
    return sa.true() if project is None else table.c.project == project
