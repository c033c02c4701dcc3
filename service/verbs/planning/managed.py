"""A plan for a managed service: no model lies here, so that the rules say what is offered and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from service.advisor.knowledge import load_knowledge
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.estimate.cost_inputs import TrainingInputs
from service.estimate.services import Price, priced, service_prices
from service.launch.managed import ManagedParts, epochs_of, managed_plan
from service.launch.plan import PlannedModel
from service.launch.request import PlanChoices, wrong_values
from service.launch.targets.capabilities import require_onnx, target_refusals
from service.launch.targets.offering import Offer
from service.launch.targets.target import TokenCost
from service.records.decision import Decision
from service.records.evaluation import Evaluation
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.estimating.cost import known_of
from service.verbs.planning.providers import PROVIDERS, Provider
from trainers.contract import DatasetRef, TrainPlan


class ManagedData(msgspec.Struct, frozen=True, kw_only=True):
    """Data with the report by the service's own rules."""

    report: LintReport
    dataset: DatasetRef
    validation: DatasetRef | None


def managed_offer(choices: PlanChoices, target: str, *, rules: RuleFiles, settings: Settings) -> Offer:
    """What the service offers for the choices, before any row is read.

    Raises:
        TuneGateError: `target_cannot_produce_onnx`, `invalid_input`, `target_cannot`, `target_not_configured`.
    """
    wrong = wrong_values(choices)
    # whatever else is wrong, nothing that is mended here would make it hand back a graph
    require_onnx(target, list(choices.outputs.onnx), rules)
    cannot = target_refusals(target, choices.technique, rules)
    if wrong or target not in PROVIDERS:
        code = "invalid_input" if wrong else "target_cannot"
        raise TuneGateError(code, f"The plan request has {len(wrong + cannot)} problem(s).", errors=[*wrong, *cannot])
    provider = PROVIDERS[target](settings)
    cannot += provider.refusals(choices)
    found, not_offered = _offered(choices.model, choices.method, provider, rules)
    cannot += not_offered
    if cannot or found is None:
        detail = f"Target {target!r} cannot carry this out: {len(cannot)} reason(s)."
        raise TuneGateError("target_cannot", detail, remedy="Change what is named.", errors=cannot)
    return found


def plan_managed(
    choices: PlanChoices,
    target: str,
    data: ManagedData,
    *,
    decision: Decision | None,
    evaluation: Evaluation | None,
    rules: RuleFiles,
    settings: Settings,
) -> TrainPlan:
    """The plan with its cost and its blockers.

    Raises:
        TuneGateError: as `managed_offer`.
    """
    offer = managed_offer(choices, target, rules=rules, settings=settings)
    provider = PROVIDERS[target](settings)
    parts = ManagedParts(
        decision=decision,
        report=data.report,
        model=PlannedModel(choices.model, None, None, is_path=False),
        dataset=data.dataset,
        validation=data.validation,
        evaluation=evaluation,
        cost=_token_cost(choices, offer, data.report, provider, rules),
        warnings=offer.warnings,
        its_own=provider.its_own,
        seeded=provider.seeded,
    )
    return managed_plan(choices, target, parts, rules)


def launch_offer(plan: TrainPlan, settings: Settings, rules: RuleFiles) -> Offer:
    """What is offered on the day of the launch, which may be later than the plan's.

    Raises:
        TuneGateError: `target_cannot`, `target_not_configured`.
    """
    found, errors = _offered(plan.model, plan.method, PROVIDERS[plan.target](settings), rules)
    if errors or found is None:
        detail = f"{plan.model} is not offered any more as it was planned: {len(errors)} reason(s)."
        raise TuneGateError("target_cannot", detail, remedy="Plan again.", errors=errors)
    return found


def _token_cost(
    choices: PlanChoices, offer: Offer, report: LintReport, provider: Provider, rules: RuleFiles
) -> TokenCost:
    """Tokens x epochs x price; what is not known is null, with the reason."""
    known = known_of(TrainingInputs(epochs=epochs_of(choices)), report)
    data = known.data if known is not None else None
    row = _price(offer.row.model, provider, service_prices(rules))
    made = priced(row, data) if row is not None else None
    reason = made.reason if made is not None else _unpriced(offer.row.model, provider)
    if made is not None and made.usd is None and known is not None and data is None and row is not None:
        reason = known.reason if row.training_high is not None else made.reason
    return TokenCost(
        usd=made.usd.mid if made is not None and made.usd is not None else None,
        usd_high=made.usd.high if made is not None and made.usd is not None else None,
        tokens=data.tokens_high if data is not None else None,
        epochs=epochs_of(choices),
        usd_per_million_tokens=row.training_high if row is not None else None,
        tier=provider.tier,
        source=row.source if row is not None else "rules/service-prices.toml",
        as_of=row.as_of.isoformat() if row is not None else None,
        confidence=row.confidence if row is not None else None,
        hosting_usd_per_hour=row.hosting if row is not None else None,
        reason=reason,
    )


def _offered(model: str, method: str, provider: Provider, rules: RuleFiles) -> tuple[Offer | None, list[ErrorItem]]:
    return provider.offered(model, method, load_knowledge(rules).models, datetime.now(UTC).date())


def _unpriced(model: str, provider: Provider) -> str:
    return f"no_price: the rules have no row for {model}, {provider.tier}"


def _price(model: str, provider: Provider, rows: list[Price]) -> Price | None:
    mine = [row for row in rows if (row.service, row.model) == (provider.name, model)]
    return next((row for row in mine if row.tier is None or row.tier.startswith(provider.price_tier)), None)
