"""Everything belongs to a project; API keys, the audit log and counted requests. What was there is of `default`."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_PROJECT = "default"
_REFUSE_POSTGRES = """
CREATE FUNCTION audit_only_grows() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$ LANGUAGE plpgsql
"""


def upgrade() -> None:
    _records()
    for table in ("jobs", "evaluations"):
        op.add_column(table, sa.Column("project", sa.String(63), nullable=False, server_default=_PROJECT))
        op.create_index(f"{table}_of_project", table, ["project", "number"])
        _digest_keys(table)
    _keys_and_counts()
    _audit()


def downgrade() -> None:
    raise NotImplementedError("records of several projects do not fit the older tables: restore a backup")


def _records() -> None:
    """A primary key cannot be changed in place on SQLite, and nothing refers to this table: copy it."""
    op.rename_table("records", "records_0002")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX records_pkey RENAME TO records_0002_pkey")
    op.create_table(
        "records",
        sa.Column("project", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.execute(
        "INSERT INTO records (project, kind, id, body, created_at) "  # noqa: S608 - a constant
        f"SELECT '{_PROJECT}', kind, id, body, created_at FROM records_0002"
    )
    op.drop_table("records_0002")
    connection = op.get_bind()
    datasets = connection.execute(sa.text("SELECT id, body FROM records WHERE kind = 'dataset'")).all()
    for identifier, body in datasets:
        connection.execute(
            sa.text("UPDATE records SET stored_bytes = :bytes WHERE kind = 'dataset' AND id = :id"),
            {"bytes": int(json.loads(body).get("bytes", 0)), "id": identifier},
        )


def _digest_keys(table: str) -> None:
    """As service.store.projects.key_digest: unique in a project, without changing a constraint in place."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(f"SELECT id, idempotency_key FROM {table} WHERE idempotency_key IS NOT NULL")  # noqa: S608
    ).all()
    for identifier, key in rows:
        digest = hashlib.sha256(f"{_PROJECT}\0{key}".encode()).hexdigest()
        connection.execute(
            sa.text(f"UPDATE {table} SET idempotency_key = :digest WHERE id = :id"),  # noqa: S608
            {"digest": digest, "id": identifier},
        )


def _keys_and_counts() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.String(100), nullable=False),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32)),
        sa.Column("revoked_at", sa.String(32)),
        sa.Column("last_used_at", sa.String(32)),
    )
    op.create_table(
        "request_counts",
        sa.Column("actor", sa.String(255), primary_key=True),
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_of_project", "audit", ["project", "n"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_REFUSE_POSTGRES)
        op.execute(
            "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH ROW EXECUTE FUNCTION audit_only_grows()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_refuses_{change.lower()} BEFORE {change} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        )
