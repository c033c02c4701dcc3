"""The outbox: what is to be told stands in it from the moment that it happened until it was taken or given up.

A row is claimed before it is sent, for a time; whoever dies meanwhile leaves it to the next one. So everything is
told at least once, also after a kill, and no two services send the same row while both live.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from service.clock import later, now
from service.records.access import Deed
from service.records.webhook import (
    DeploymentChanged,
    DriftDetected,
    EvaluationEnded,
    JobEnded,
    Outcome,
    Ping,
    SynthesisEnded,
    WebhookTry,
)
from service.store.audit import append
from service.store.tables import outbox, webhooks

Data = JobEnded | EvaluationEnded | SynthesisEnded | DeploymentChanged | DriftDetected | Ping
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"


class KeptSecret(msgspec.Struct, frozen=True):
    """What is kept of a secret: `salt` gives it again to who has the key that `key_id` names."""

    salt: str
    key_id: str
    made_at: str
    expires_at: str | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A message that this process sends, and nobody else until the claim ends; `tries` were made before."""

    id: str
    type: str
    body: str
    tries: int
    created_at: str
    token: str
    webhook: str
    url: str
    project: str
    secrets: list[KeptSecret]


class Outbox:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, *, most: int, seconds: int) -> list[Claim]:
        """Messages that are due, at most one a webhook and none to one that is being sent to: a slow receiver holds
        up itself alone.
        """
        with self._engine.connect() as connection:
            # nearly always there is nothing, and this takes no lock
            if connection.execute(_due().limit(1)).first() is None:
                return []
        token = uuid.uuid4().hex
        with self._engine.begin() as connection:
            locked = _due().limit(most).with_for_update(of=outbox, skip_locked=True)
            found = connection.execute(locked.order_by(outbox.c.due_at)).mappings().all()
            return [_claim(row, token) for row in found if self._taken(connection, row["id"], token, seconds)]

    def settle(self, claim: Claim, last: WebhookTry, *, next_in: float | None, deeds: Sequence[Deed] = ()) -> None:
        """How a try went: delivered, to be tried again in so many seconds, or given up; and who did what by that.

        A claim that has ended, because sending took longer than it lasted, changes nothing.
        """
        state = DELIVERED if last.outcome == "delivered" else FAILED if next_in is None else PENDING
        values = {
            "state": state,
            "tries": claim.tries + 1,
            "due_at": later(next_in or 0),
            "claimed_by": None,
            "claimed_until": None,
            "tried_at": last.at,
            "outcome": last.outcome,
            "status": last.status,
        }
        with self._engine.begin() as connection:
            own = sa.and_(outbox.c.id == claim.id, outbox.c.claimed_by == claim.token)
            if connection.execute(sa.update(outbox).where(own).values(values)).rowcount:
                for deed in deeds:
                    append(connection, claim.project, deed, claim.id)

    def release(self, claim: Claim) -> None:
        """Give back what was not sent."""
        own = sa.and_(outbox.c.id == claim.id, outbox.c.claimed_by == claim.token)
        with self._engine.begin() as connection:
            connection.execute(sa.update(outbox).where(own).values(claimed_by=None, claimed_until=None))

    def took_nothing_since(self, webhook: str, moment: str) -> bool:
        """Whether a webhook took no message from then on."""
        taken = sa.select(outbox.c.n).where(
            outbox.c.webhook_id == webhook, outbox.c.state == DELIVERED, outbox.c.tried_at >= moment
        )
        with self._engine.connect() as connection:
            return connection.execute(taken.limit(1)).first() is None

    def disable(self, claim: Claim, why: str, deed: Deed) -> None:
        """Send nothing more to a webhook, and give up what waits for it."""
        one = sa.and_(webhooks.c.id == claim.webhook, webhooks.c.disabled.is_(None))
        waiting = sa.and_(outbox.c.webhook_id == claim.webhook, outbox.c.state == PENDING)
        disabled: Outcome = "disabled"
        tried_at = sa.func.coalesce(outbox.c.tried_at, now())
        free = {"claimed_by": None, "claimed_until": None}
        values = {"state": FAILED, "outcome": disabled, "tried_at": tried_at, **free}
        with self._engine.begin() as connection:
            changed = connection.execute(sa.update(webhooks).where(one).values(disabled=why)).rowcount
            connection.execute(sa.update(outbox).where(waiting).values(values))
            if changed:
                append(connection, claim.project, deed, claim.webhook)

    def purge(self, before: str) -> int:
        """Remove what was delivered or given up before a time; how many."""
        ended = sa.and_(outbox.c.state != PENDING, outbox.c.tried_at < before)
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(outbox).where(ended)).rowcount

    def waiting(self) -> int:
        """How many messages wait."""
        query = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.state == PENDING)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _taken(self, connection: sa.Connection, message: str, token: str, seconds: int) -> bool:
        """SQLite locks at the first write and not before, so what was read is looked at again while it is written."""
        free = sa.or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= now())
        mine = sa.and_(outbox.c.id == message, outbox.c.state == PENDING, free)
        values = {"claimed_by": token, "claimed_until": later(seconds)}
        return connection.execute(sa.update(outbox).where(mine).values(values)).rowcount == 1


def tell(connection: sa.Connection, project: str, kind: str, data: Data) -> None:
    """Address what happened, in the transaction in which it happens, to every webhook of the project that wants it."""
    query = sa.select(webhooks.c.id, webhooks.c.events).where(
        webhooks.c.project == project, webhooks.c.disabled.is_(None)
    )
    # shared, so that none of them goes before its message stands
    for identifier, events in connection.execute(query.with_for_update(read=True)).all():
        if kind in msgspec.json.decode(events, type=list[str]):
            address(connection, identifier, kind, data)


def address(connection: sa.Connection, webhook: str, kind: str, data: Data) -> str:
    """Put a message for one webhook into the outbox; its id."""
    moment, message = now(), str(uuid.uuid4())
    body = {"type": kind, "timestamp": moment, "data": data}
    row = {
        "id": message,
        "webhook_id": webhook,
        "type": kind,
        "body": msgspec.json.encode(body).decode(),
        "state": PENDING,
        "tries": 0,
        "created_at": moment,
        "due_at": moment,
    }
    connection.execute(sa.insert(outbox).values(row))
    return message


def unfinished(connection: sa.Connection, webhook: str) -> int:
    """How many messages wait for a webhook."""
    waiting = sa.and_(outbox.c.webhook_id == webhook, outbox.c.state == PENDING)
    return int(connection.execute(sa.select(sa.func.count()).select_from(outbox).where(waiting)).scalar_one())


def live(encoded: str) -> list[KeptSecret]:
    """The secrets of a webhook that have not expired."""
    found = msgspec.json.decode(encoded, type=list[KeptSecret])
    return [one for one in found if one.expires_at is None or one.expires_at > now()]


def _due() -> sa.Select[tuple[object, ...]]:
    """Of each webhook that nothing is being sent to, the message that has been due for longest: one that is refused
    again and again holds up no other.
    """
    moment = now()
    free = sa.or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= moment)
    due = sa.and_(outbox.c.state == PENDING, outbox.c.due_at <= moment, free)
    busy = sa.select(outbox.c.webhook_id).where(outbox.c.state == PENDING, outbox.c.claimed_until > moment)
    place = sa.func.row_number().over(partition_by=outbox.c.webhook_id, order_by=(outbox.c.due_at, outbox.c.n))
    ranked = sa.select(outbox.c.n, place.label("place")).where(due).subquery()
    first = sa.select(ranked.c.n).where(ranked.c.place == 1)
    columns = (*outbox.c, webhooks.c.url, webhooks.c.project, webhooks.c.secrets)
    joined = sa.join(outbox, webhooks, outbox.c.webhook_id == webhooks.c.id)
    # `due` again: a row that another service has claimed meanwhile is looked at once more when its lock is gone
    return sa.select(*columns).select_from(joined).where(due, outbox.c.n.in_(first), outbox.c.webhook_id.not_in(busy))


def _claim(row: sa.RowMapping, token: str) -> Claim:
    return Claim(
        id=row["id"],
        type=row["type"],
        body=row["body"],
        tries=row["tries"],
        created_at=row["created_at"],
        token=token,
        webhook=row["webhook_id"],
        url=row["url"],
        project=row["project"],
        secrets=live(row["secrets"]),
    )
