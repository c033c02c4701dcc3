"""The table of objects that were begun to be stored, so that what a kill left is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "storing",
        sa.Column("project", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("begun_at", sa.String(32), nullable=False),
    )
    op.create_index("storing_begun", "storing", ["begun_at"])


def downgrade() -> None:
    op.drop_table("storing")
