"""The tables; migrations/versions holds how they came to be."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

# content-addressed and written once: kind is decision, dataset, lint_report, estimate, evaluation,
# plan or manifest
records = Table(
    "records",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),  # order of submission, for listing
    Column("idempotency_key", String(255), unique=True),
    Column("body", Text, nullable=False),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("source_n", Integer),  # number of the trainer's progress record; unique, so none is forwarded twice
    Column("event", String(16), nullable=False),
    Column("at", String(32), nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("job_id", "source_n"),
)

# evaluations being carried out; a finished one's record stands in records
evaluations = Table(
    "evaluations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("idempotency_key", String(255), unique=True),
    Column("body", Text, nullable=False),
)
