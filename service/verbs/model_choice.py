"""model_choice: which base models suit a task, its languages, its licence and a target today."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from service.advisor.decide import TARGET
from service.advisor.knowledge import Knowledge
from service.advisor.models import Customer, Status, Wanted, dated, rank, status
from service.records.decision import FactValue, ModelAdvice

# one screen: whoever wants all of them asks for the list of models
_SHOWN = 5


def model_advice(knowledge: Knowledge, facts: Mapping[str, FactValue], today: date) -> list[ModelAdvice]:
    """The best models for the chosen target; the one in mind first, whether it suits or not."""
    wanted = Wanted(
        task=_text(facts, "model.task") or "chat-completion",
        languages=tuple(_names(facts, "model.languages")),
        min_context=_tokens(facts),
        target=_text(facts, TARGET),
        customer=customer(_text(facts, "azure.customer")),
        region=_text(facts, "region"),
    )
    judged = rank(knowledge.models, wanted, today)
    in_mind = [one for one in judged if one.id == facts.get("model.id")]
    suited = [one for one in judged if not one.excluded and one not in in_mind]
    return [
        ModelAdvice(one.id, one.title, one.reasons, [*(f"does not suit: {why}" for why in one.excluded), *one.warnings],
                    one.limits)
        for one in (*in_mind, *suited[: _SHOWN - len(in_mind)])
    ]  # fmt: skip


def model_status(knowledge: Knowledge, facts: Mapping[str, FactValue], today: date) -> Status | None:
    """Whether the model in mind can be tuned on the chosen target today; None when nothing is known of it."""
    model, target = _text(facts, "model.id"), _text(facts, TARGET)
    if model in knowledge.models.cards and target is not None:
        return status(knowledge.models, str(model), target, customer(_text(facts, "azure.customer")), today)
    until = _text(facts, "model.tunable_until")
    return dated(date.fromisoformat(until), today) if until is not None else None


def customer(name: str | None) -> Customer | None:
    """The kind of customer, None when nobody said."""
    kinds: tuple[Literal["new"], Literal["existing"]] = ("new", "existing")
    return next((kind for kind in kinds if kind == name), None)


def _text(facts: Mapping[str, FactValue], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None


def _names(facts: Mapping[str, FactValue], name: str) -> list[str]:
    value = facts.get(name)
    return value if isinstance(value, list) else []


def _tokens(facts: Mapping[str, FactValue]) -> int | None:
    """The longest row must fit the context."""
    value = facts.get("data.tokens_max")
    return value if isinstance(value, int) else None
