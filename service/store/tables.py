"""The tables; migrations/versions holds how they came to be."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

DEFAULT_PROJECT = "default"
metadata = MetaData()

# content-addressed and written once: kind is decision, dataset, lint_report, estimate, evaluation,
# plan or manifest; equal content in two projects is two rows, so that what one removes is kept by the other
records = Table(
    "records",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),  # of the file that lies beside the record
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),  # order of submission, for listing
    Column("idempotency_key", String(255), unique=True),  # a digest of project and key
    Column("body", Text, nullable=False),
    Column("project", String(63), nullable=False, server_default=DEFAULT_PROJECT),
    Index("jobs_of_project", "project", "number"),
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

# jobs that are carried out elsewhere: what is sent is kept before the first call, the reference after it
remote_launches = Table(
    "remote_launches",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("plan", Text, nullable=False),
    Column("ref", Text),
    Column("billed_from", String(32)),  # when its machines were first seen
)

# evaluations being carried out; a finished one's record stands in records
evaluations = Table(
    "evaluations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("idempotency_key", String(255), unique=True),  # a digest of project and key
    Column("body", Text, nullable=False),
    Column("project", String(63), nullable=False, server_default=DEFAULT_PROJECT),
    Index("evaluations_of_project", "project", "number"),
)

# a key's row stays when it is revoked: it says who it was, and that keys are asked for here
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("project", String(63), nullable=False),
    Column("name", String(100), nullable=False),
    Column("scopes", String(100), nullable=False),  # separated by spaces
    Column("requests_per_minute", Integer),
    Column("created_at", String(32), nullable=False),
    Column("expires_at", String(32)),
    Column("revoked_at", String(32)),
    Column("last_used_at", String(32)),  # to the hour
)

# only ever added to: a trigger refuses everything else
audit = Table(
    "audit",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False),
    Column("project", String(63), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_of_project", "project", "n"),
)

# requests of the running minute, shared by every process of the service; one row per caller
request_counts = Table(
    "request_counts",
    metadata,
    Column("actor", String(255), primary_key=True),
    Column("minute", BigInteger, nullable=False),
    Column("requests", Integer, nullable=False),
)
