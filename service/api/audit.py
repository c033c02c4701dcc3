"""The audit log of the caller's project."""

from __future__ import annotations

import msgspec
from litestar import get

from service.api.parameters import Limit
from service.api.problems import documented
from service.records.access import AuditEntry
from service.verbs.context import Context
from service.verbs.cursors import position


class AuditList(msgspec.Struct, frozen=True):
    """A page of the log; `next` is the cursor of the page after it."""

    items: list[AuditEntry]
    next: str | None


@get(
    "/audit", sync_to_thread=True, tags=["operation"], responses=documented(422),
    summary="Who launched, overrode, cancelled, removed or let in, in order.",
)  # fmt: skip
def audit_log(context: Context, cursor: str | None = None, limit: Limit = 100) -> AuditList:
    """Entries of the caller's project; the scope admin sees them."""
    found = context.store.audit.page(after=position(cursor), limit=limit + 1)
    page = found[:limit]
    return AuditList(page, str(page[-1].n) if len(found) > limit else None)
