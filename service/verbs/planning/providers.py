"""The managed services by name: what each refuses, offers and leaves to itself, as it is configured here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from service.advisor.models import Models
from service.errors import ErrorItem
from service.launch.request import PlanChoices
from service.launch.targets.azure_openai import offers as openai_offers
from service.launch.targets.azure_openai.refusals import refusals as openai_refusals
from service.launch.targets.azure_openai.settings import AZURE_OPENAI, azure_openai_settings
from service.launch.targets.azure_serverless import offers as serverless_offers
from service.launch.targets.azure_serverless.settings import AZURE_SERVERLESS, azure_serverless_settings
from service.launch.targets.offering import Offer
from service.settings import Settings

# the tiers of the price rows, by how they begin
_TIERS = {"Standard": "standard", "GlobalStandard": "global", "Developer": "developer"}
_SERVERLESS = "serverless"
Offered = Callable[[str, str, Models, date], tuple[Offer | None, list[ErrorItem]]]


class Provider(NamedTuple):
    """One service: `offered` is asked by model, method, rows and day; `price_tier` begins the tier of its price row."""

    name: str
    refusals: Callable[[PlanChoices], list[ErrorItem]]
    offered: Offered
    tier: str
    price_tier: str
    its_own: tuple[str, ...]
    seeded: bool


def _azure_openai(settings: Settings) -> Provider:
    where = azure_openai_settings(settings)
    return Provider(
        name=AZURE_OPENAI,
        refusals=openai_refusals,
        offered=lambda model, method, models, today: openai_offers.offered(model, method, where, models, today),
        tier=where.training_type,
        price_tier=_TIERS[where.training_type],
        its_own=("batch_size", "learning_rate_multiplier"),
        seeded=True,
    )


def _azure_serverless(settings: Settings) -> Provider:
    where = azure_serverless_settings(settings)
    return Provider(
        name=AZURE_SERVERLESS,
        refusals=serverless_offers.refusals,
        offered=lambda model, method, models, today: serverless_offers.offered(model, method, where, models, today),
        tier=_SERVERLESS,
        price_tier=_SERVERLESS,
        its_own=("batch_size", "learning_rate"),
        seeded=False,
    )


# each raises `target_not_configured`
PROVIDERS: dict[str, Callable[[Settings], Provider]] = {
    AZURE_OPENAI: _azure_openai,
    AZURE_SERVERLESS: _azure_serverless,
}
