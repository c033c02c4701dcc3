"""What a managed service offers for a model, by a dated row of the rules: method, place, until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from service.advisor.models import Availability, Customer, dated
from service.errors import ErrorItem

ELSEWHERE = "Plan an open model for local or azure-ml, or take a model that is offered."


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the service knows it: `wire` is its name there."""

    model: str
    wire: str
    row: Availability
    warnings: list[str] = []


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a job needs of a row: the method in the place that `setting` names, for this customer, today."""

    method: str
    setting: str
    place: str
    today: date
    customer: Customer | None = None


def refused(row: Availability, asked: Asked) -> Iterator[ErrorItem]:
    """Everything of the row that forbids the job."""
    said = f"({', '.join(row.cite)}, as of {row.as_of})"
    if asked.method not in row.methods:
        allowed = ", ".join(row.methods) or "none is stated"
        yield ErrorItem("method", f"{asked.method} of {row.model}", f"{allowed} {said}", _method_remedy(row))
    if row.regions and asked.place not in row.regions:
        yield ErrorItem(asked.setting, f"{asked.place} for {row.model}", f"{', '.join(row.regions)} {said}")
    until = row.until(asked.customer)
    if dated(until, asked.today) == "closed":
        whom = "new customers" if asked.customer == "new" else "anyone"
        why = f"Retired: it takes no new job of {whom} since {until} {said}. {ELSEWHERE}"
        yield ErrorItem("model", row.model, "a model that still takes jobs", why)


def warnings_of(row: Availability, asked: Asked) -> Iterator[str]:
    """What to know of an offer before money is spent on it."""
    if asked.method in row.disputed:
        yield f"{asked.method} of {row.model} is disputed between Microsoft's own pages: {row.note}"
    until = row.until(asked.customer)
    if dated(until, asked.today) == "ending":
        yield f"tuning of {row.model} ends on {until}"
    if row.deployable_until is not None:
        yield f"a tuned {row.model} can be deployed until {row.deployable_until}"
    if row.access == "invitation":
        yield f"{row.model} is tuned by invitation only"
    if row.review_by < asked.today:
        yield f"the row of {row.model} was to be reviewed by {row.review_by}: Azure's dates move"


def _method_remedy(row: Availability) -> str:
    if row.methods == ["rft"]:
        return "It is tuned by reinforcement alone, which tunegate lints but does not launch."
    return f"Take a model that is offered with it. {ELSEWHERE}"
