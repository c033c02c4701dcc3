"""What the service offers for a model, by the dated rows of the rules: method, training type and region, until when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import msgspec

from service.advisor.models import Availability, Models, dated
from service.errors import ErrorItem, suggestion
from service.launch.targets.azure_openai.settings import AZURE_OPENAI, AzureOpenAiSettings

_ELSEWHERE = "Plan an open model for local or azure-ml, or take a model that is offered."
# what the rows call the training types that have no region
_TYPES = {"GlobalStandard": "global", "Developer": "developer"}
# of OpenAI's models a tuned one can be tuned on
_TUNED = re.compile(r"(?P<base>.+?)\.ft-[A-Za-z0-9_.:-]{1,200}")
_OPENAI = ("gpt-4", "gpt-5", "o4")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the service knows it: `wire` is its name there."""

    model: str
    wire: str
    row: Availability
    warnings: list[str] = []


def offer_for(model: str, models: Models) -> tuple[str, Availability] | None:
    """(the service's name, the row) of a model by our id, the service's own name, or that of a tuned one."""
    rows = [row for row in models.tunable if row.target == AZURE_OPENAI]
    for row in rows:
        if model in {row.model, row.listed_as}:
            return row.listed_as or "", row
    tuned = _TUNED.fullmatch(model)
    found = next((row for row in rows if tuned and tuned["base"] in {row.model, row.listed_as}), None)
    return (model, found) if found is not None and found.model.startswith(_OPENAI) else None


def offered(
    model: str, method: str, where: AzureOpenAiSettings, models: Models, today: date
) -> tuple[Offer | None, list[ErrorItem]]:
    """The offer, or everything that the service would refuse."""
    found = offer_for(model, models)
    names = sorted(row.model for row in models.tunable if row.target == AZURE_OPENAI and row.methods)
    if found is None:
        near = suggestion(model, names)
        return None, [ErrorItem("model", model[:200], ", ".join(names), f"{near} {_ELSEWHERE}".strip())]
    wire, row = found
    errors = [*_refused(row, method, where, today)]
    if not wire:
        why = "No source tells its name there: add listed-as to its row in an own rules folder (TUNEGATE_RULES)."
        errors.append(ErrorItem("model", model, None, why))
    return Offer(model=model, wire=wire, row=row, warnings=list(_warnings(row, method, where, today))), errors


def _refused(row: Availability, method: str, where: AzureOpenAiSettings, today: date) -> Iterator[ErrorItem]:
    said = f"({', '.join(row.cite)}, as of {row.as_of})"
    if method not in row.methods:
        allowed = ", ".join(row.methods) or "none is stated"
        yield ErrorItem("method", f"{method} of {row.model}", f"{allowed} {said}", _method_remedy(row))
    place = _TYPES.get(where.training_type, where.region)
    if row.regions and place not in row.regions:
        name = "training_type" if where.training_type in _TYPES else "region"
        yield ErrorItem(f"azure-openai.{name}", f"{place} for {row.model}", f"{', '.join(row.regions)} {said}")
    until = row.until(where.customer or None)
    if dated(until, today) == "closed":
        whom = "new customers" if where.customer == "new" else "anyone"
        why = f"Retired: it takes no new job of {whom} since {until} {said}. {_ELSEWHERE}"
        yield ErrorItem("model", row.model, "a model that still takes jobs", why)


def _method_remedy(row: Availability) -> str:
    if row.methods == ["rft"]:
        return "It is tuned by reinforcement alone, which tunegate lints but does not launch."
    return f"Take a model that is offered with it. {_ELSEWHERE}"


def _warnings(row: Availability, method: str, where: AzureOpenAiSettings, today: date) -> Iterator[str]:
    if not where.customer and row.until_new is not None and row.until_new < today:
        yield f"only who tuned {row.model} before may: new customers could until {row.until_new} (set customer)"
    if method in row.disputed:
        yield f"{method} of {row.model} is disputed between Microsoft's own pages: {row.note}"
    if dated(row.until(where.customer or None), today) == "ending":
        yield f"tuning of {row.model} ends on {row.until(where.customer or None)}"
    if row.deployable_until is not None:
        yield f"a tuned {row.model} can be deployed until {row.deployable_until}"
    if row.access == "invitation":
        yield f"{row.model} is tuned by invitation only"
    if row.review_by < today:
        yield f"the row of {row.model} was to be reviewed by {row.review_by}: Azure's dates move"


def tunable_on(where: AzureOpenAiSettings, models: Models, today: date) -> list[str]:
    """Models that the rules list for the configured training type and region and that still take jobs, by method."""
    rows = [row for row in models.tunable if row.target == AZURE_OPENAI]
    return [
        f"{row.model} ({method})"
        for row in rows
        for method in row.methods
        if method in {"sft", "dpo"} and not list(_refused(row, method, where, today))
    ]
