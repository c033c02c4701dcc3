"""The table of syntheses that the service carries out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "syntheses",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("idempotency_key", sa.String(255), unique=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("syntheses_of_project", "syntheses", ["project", "number"])
    op.create_index("syntheses_open", "syntheses", ["ended", "project", "number"])


def downgrade() -> None:
    op.drop_table("syntheses")
