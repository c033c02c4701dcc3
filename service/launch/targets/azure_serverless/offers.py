"""What serverless fine-tuning offers, by the dated rows of the rules; a model is named by its asset id with version."""

from __future__ import annotations

import re
from datetime import date

from service.advisor.models import Availability, Models
from service.errors import ErrorItem, suggestion
from service.launch.request import PlanChoices
from service.launch.targets.azure_serverless.settings import AZURE_SERVERLESS, AzureServerlessSettings
from service.launch.targets.offering import ELSEWHERE, Asked, Offer, refused, warnings_of
from service.launch.targets.unsupported import unsupported

# what a job is told; the batch is counted per device there, and nobody says how many devices there are
TAKEN = frozenset({"n_epochs", "learning_rate"})
_LISTED = r"azureml://registries/[A-Za-z0-9-]{1,64}/models/[A-Za-z0-9._-]{1,255}"
_ASSET = re.compile(rf"(?P<listed>{_LISTED})/versions/[0-9]{{1,9}}")
_MICROSOFT = "azureml://registries/azureml/"
_FROZEN = "experimental: the SDK's fine-tuning job is a frozen preview, and was never run against the real Azure"


def refusals(choices: PlanChoices) -> list[ErrorItem]:
    """Settings of our own trainer."""
    return list(unsupported(choices, TAKEN))


def offered(
    model: str, method: str, where: AzureServerlessSettings, models: Models, today: date
) -> tuple[Offer | None, list[ErrorItem]]:
    """The offer, or everything that the service would refuse."""
    rows = [row for row in models.tunable if row.target == AZURE_SERVERLESS]
    named = _ASSET.fullmatch(model)
    row = next((row for row in rows if row.model == model or (named and row.listed_as == named["listed"])), None)
    if row is None:
        names = sorted(row.listed_as or row.model for row in rows)
        near = suggestion(model, names)
        return None, [ErrorItem("model", model[:200], ", ".join(names), f"{near} {ELSEWHERE}".strip())]
    asked = Asked(
        method=method, setting=f"{AZURE_SERVERLESS}.region", place=where.region, today=today,
    )  # fmt: skip
    errors = [*refused(row, asked)]
    if named is None and not errors:
        errors.append(_unnamed(row))
    warnings = [_FROZEN, *warnings_of(row, asked)]
    if not model.startswith(_MICROSOFT):
        warnings.append(f"{row.model} is a partner's model: subscribe to its marketplace offer once, in the portal")
    return Offer(model=row.model, wire=model, row=row, warnings=warnings), errors


def offers_in(where: AzureServerlessSettings, models: Models, today: date) -> list[str]:
    """The models that the rules list for the region and that still take jobs, as they are named there."""
    asked = Asked(method="sft", setting="", place=where.region, today=today)
    rows = [row for row in models.tunable if row.target == AZURE_SERVERLESS]
    return [row.listed_as or row.model for row in rows if not list(refused(row, asked))]


def _unnamed(row: Availability) -> ErrorItem:
    if row.listed_as is None:
        why = "No source tells its name there: add listed-as to its row in an own rules folder (TUNEGATE_RULES)."
        return ErrorItem("model", row.model, "azureml://registries/REGISTRY/models/NAME/versions/N", why)
    why = "Name the version too: the model catalog shows it as Asset ID."
    return ErrorItem("model", row.model, f"{row.listed_as}/versions/N", why)
