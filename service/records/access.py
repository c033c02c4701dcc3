"""Who may do what: keys, the entries of the audit log, and who is calling."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

# read: see the project's records, jobs and artifacts. lint: lint and redact bodies that are not kept.
# write: store and remove datasets, make decisions, estimates and plans. launch: start, cancel and ask what spends
# compute. admin: all of these, and the audit log of the project.
Scope = Literal["read", "lint", "write", "launch", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Action = Literal[
    "key.created", "key.revoked", "job.launched", "job.overrode", "job.cancelled", "job.paused", "job.resumed",
    "evaluation.launched", "evaluation.cancelled", "evaluation.deleted", "monitor.created", "monitor.deleted",
    "synthesis.launched", "synthesis.cancelled", "synthesis.deleted", "synthesis.brought",
    "dataset.deleted", "job.deleted",
    "webhook.created", "webhook.deleted", "webhook.secret_made", "webhook.enabled", "webhook.disabled",
    "webhook.message_given_up", "deployment.created", "deployment.deleted",
]  # fmt: skip


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is listed; its secret is nowhere kept."""

    id: str
    project: str
    name: str
    scopes: list[Scope]
    requests_per_minute: int | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is made, the only time that its secret is shown."""

    key: ApiKey
    secret: str


class Deed(msgspec.Struct, frozen=True):
    """What is noted in the audit log: by whom, what, and particulars without bodies or secrets."""

    actor: str
    action: Action
    detail: dict[str, Any] = {}


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log; `n` counts up, `subject` is the id of what was acted on."""

    n: int
    at: str
    project: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class Caller(msgspec.Struct, frozen=True):
    """Who is calling: `actor` is open, cli, key:ID or oidc:SUBJECT; scopes are what was granted.

    `until` is when a token expires, in seconds of the epoch.
    """

    project: str
    actor: str
    scopes: frozenset[Scope]
    requests_per_minute: int | None = None
    until: float | None = None

    def may(self, scope: Scope | None) -> bool:
        """Whether the scope was granted; None is what every caller may."""
        return scope is None or scope in self.scopes or "admin" in self.scopes
