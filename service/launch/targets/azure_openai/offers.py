"""What the service offers for a model, by the dated rows of the rules: method, training type and region, until when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from service.advisor.models import Availability, Models
from service.errors import ErrorItem, suggestion
from service.launch.targets.azure_openai.settings import AZURE_OPENAI, AzureOpenAiSettings
from service.launch.targets.offering import ELSEWHERE, Asked, Offer, refused, warnings_of

# what the rows call the training types that have no region
_TYPES = {"GlobalStandard": "global", "Developer": "developer"}
# of OpenAI's models a tuned one can be tuned on
_TUNED = re.compile(r"(?P<base>.+?)\.ft-[A-Za-z0-9_.:-]{1,200}")
_OPENAI = ("gpt-4", "gpt-5", "o4")


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
        return None, [ErrorItem("model", model[:200], ", ".join(names), f"{near} {ELSEWHERE}".strip())]
    wire, row = found
    asked = _asked(method, where, today)
    errors = [*refused(row, asked)]
    if not wire:
        why = "No source tells its name there: add listed-as to its row in an own rules folder (TUNEGATE_RULES)."
        errors.append(ErrorItem("model", model, None, why))
    return Offer(model=model, wire=wire, row=row, warnings=list(_warnings(row, where, asked))), errors


def _warnings(row: Availability, where: AzureOpenAiSettings, asked: Asked) -> Iterator[str]:
    if not where.customer and row.until_new is not None and row.until_new < asked.today:
        yield f"only who tuned {row.model} before may: new customers could until {row.until_new} (set customer)"
    yield from warnings_of(row, asked)


def _asked(method: str, where: AzureOpenAiSettings, today: date) -> Asked:
    name = "training_type" if where.training_type in _TYPES else "region"
    place = _TYPES.get(where.training_type, where.region)
    return Asked(
        method=method, setting=f"{AZURE_OPENAI}.{name}", place=place, today=today, customer=where.customer or None
    )


def tunable_on(where: AzureOpenAiSettings, models: Models, today: date) -> list[str]:
    """Models that the rules list for the configured training type and region and that still take jobs, by method."""
    rows = [row for row in models.tunable if row.target == AZURE_OPENAI]
    return [
        f"{row.model} ({method})"
        for row in rows
        for method in row.methods
        if method in {"sft", "dpo"} and not list(refused(row, _asked(method, where, today)))
    ]
