"""The tables; migrations/versions holds how they came to be."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

DEFAULT_PROJECT = "default"
metadata = MetaData()

# content-addressed and written once: kind is decision, dataset, lint_report, estimate, evaluation,
# plan, manifest, synth, synth_origins or synth_derived; equal content in two projects is two rows, so that what one
# removes is kept by the other
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
    Column("ended", Boolean, nullable=False, server_default=false()),
    Index("jobs_of_project", "project", "number"),
    Index("jobs_open", "ended", "project", "number"),
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
    Column("lost_since", String(32)),  # null while the target hears of its machines
    Column("halted_at", String(32)),  # when the target was last asked to pause it, or to go on
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
    Column("ended", Boolean, nullable=False, server_default=false()),
    Index("evaluations_of_project", "project", "number"),
    Index("evaluations_open", "ended", "project", "number"),
)

# syntheses being carried out; a finished one's record and origins stand in records, its rows are a dataset
syntheses = Table(
    "syntheses",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("idempotency_key", String(255), unique=True),  # a digest of project and key
    Column("body", Text, nullable=False),
    Column("project", String(63), nullable=False),
    Column("ended", Boolean, nullable=False, server_default=false()),
    Index("syntheses_of_project", "project", "number"),
    Index("syntheses_open", "ended", "project", "number"),
)

# tuned models in service; `sent` is what the target is asked for, kept before the first call
deployments = Table(
    "deployments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("idempotency_key", String(255), unique=True),  # a digest of project and key
    Column("plan", String(64), nullable=False),  # its id; one that has not ended is the only one of its plan
    Column("sent", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("project", String(63), nullable=False),
    Column("ended", Boolean, nullable=False, server_default=false()),
    Index("deployments_of_project", "project", "number"),
    Index("deployments_open", "ended", "project", "plan"),
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

# what was begun to be put into the storage: noted before its first byte, so that what a kill leaves is found; kind is
# dataset or artifact, id that of the record or of the job
storing = Table(
    "storing",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("begun_at", String(32), nullable=False),
    Index("storing_begun", "begun_at"),
)

# services that carry out jobs; a beat is in milliseconds of the database's clock
executors = Table(
    "executors",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("incarnation", String(32), nullable=False),  # of its running process; empty once others took over its work
    Column("version", String(64), nullable=False),  # of its pipeline
    Column("beat_ms", BigInteger, nullable=False),
)

# of each job or evaluation that has not ended: what it needs, and who carries it out where
runs = Table(
    "runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("inputs", Text),
    Column("carrier", String(160)),  # EXECUTOR/INCARNATION/TRY; whoever is no longer named here writes nothing
    Column("home", String(36)),  # the data folder that holds its run folder, by its id
    Column("folder", Text),
    Column("base", Integer, nullable=False, server_default="0"),  # progress records of run folders that were given up
)

# `secrets` holds salts and never a secret: the key that they are made with is no part of the database
webhooks = Table(
    "webhooks",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("project", String(63), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),  # a JSON list of types
    Column("disabled", String(16)),  # why nothing is sent any more
    Column("secrets", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Index("webhooks_of_project", "project", "n"),
)

# what is to be told, a row for each receiver, written with the change that it tells of; `id` is the same at every try
outbox = Table(
    "outbox",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("webhook_id", String(36), ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("type", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),  # pending, delivered or failed
    Column("tries", Integer, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("due_at", String(32), nullable=False),
    Column("claimed_by", String(32)),  # who is sending it, and until when nobody else may
    Column("claimed_until", String(32)),
    Column("tried_at", String(32)),
    Column("outcome", String(16)),
    Column("status", Integer),
    Index("outbox_due", "state", "due_at"),
    Index("outbox_of_webhook", "webhook_id", "n"),
)

# when each is due next stands beside it, so that a look for what is due reads an index and nothing else
monitors = Table(
    "monitors",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("project", String(63), nullable=False),
    Column("body", Text, nullable=False),
    Column("next_at", String(32), nullable=False),
    Column("set_at", String(32), nullable=False),  # when next_at was set: in the future after the clock was set back
    Index("monitors_of_project", "project", "n"),
    Index("monitors_due", "next_at"),
)

# one for each slot, whoever claims it
monitor_runs = Table(
    "monitor_runs",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("monitor_id", String(36), ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
    Column("slot", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("ended", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("monitor_id", "slot"),
    Index("monitor_runs_open", "ended", "n"),
)
