"""Base models: their cards, where each can be tuned until when, and which suit what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from service.advisor import rulefile
from service.advisor.catalogue import check_citations
from service.data import RuleFiles
from service.errors import ErrorItem, suggestion

Status = Literal["open", "ending", "closed", "not-offered"]
Customer = Literal["new", "existing"]
# a model that cannot be tuned again in half a year cannot follow drift
ENDING = timedelta(days=180)
# our own trainer tunes any open weights there, so no row is needed
OWN_TRAINER = ("local", "azure-ml")


class BaseModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card: what the source states; absent fields are not known. `memory` names the row of models.toml."""

    id: str
    title: str
    publisher: str
    open_weights: bool
    tasks: list[str]
    why: str
    source: str
    as_of: date
    review_by: date
    hub: str | None = None
    memory: str | None = None
    params_b: float | None = None
    context_tokens: int | None = None
    licence: str | None = None
    languages: list[str] = []
    pretraining: str | None = None
    limits: str | None = None


class Availability(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One model on one target; without dates no end is known. `regions` empty: not stated.

    `listed_as` is the target's own name of the model, null where no source says it.
    """

    id: str
    model: str
    target: str
    methods: list[str]
    cite: list[str]
    as_of: date
    review_by: date
    techniques: list[str] = []
    regions: list[str] = []
    listed_as: str | None = None
    until_new: date | None = None
    until_existing: date | None = None
    deployable_until: date | None = None
    access: Literal["open", "invitation"] = "open"
    disputed: list[str] = []
    note: str | None = None

    def until(self, customer: Customer | None) -> date | None:
        """The last day to start a job; the later one while nobody said which kind of customer asks."""
        return self.until_new if customer == "new" else self.until_existing


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a base model must satisfy; None and empty ask for nothing."""

    task: str | None = None
    languages: tuple[str, ...] = ()
    min_context: int | None = None
    licence: str | None = None
    target: str | None = None
    method: str | None = None
    customer: Customer | None = None
    region: str | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One model judged: `excluded` says why not; empty means it suits, with these reasons, warnings and limits."""

    id: str
    title: str
    reasons: list[str]
    warnings: list[str]
    excluded: list[str]
    limits: str | None = None


class Models(msgspec.Struct, frozen=True, eq=False):
    """Every card, and every (model, target) row; compared by identity."""

    cards: dict[str, BaseModel]
    tunable: list[Availability]

    def on(self, model: str, target: str) -> Availability | None:
        """The row of a model on a target."""
        return next((row for row in self.tunable if (row.model, row.target) == (model, target)), None)


def load_models(rules: RuleFiles, sources: Mapping[str, object], errors: list[ErrorItem]) -> Models:
    """Cards and rows; every mistake in `errors`."""
    cards: dict[str, BaseModel] = {}
    file = "base-models.toml"
    for where, row in rulefile.rows(file, rulefile.parse(file, rules.read(file), errors), "model", errors):
        card = rulefile.convert(where, row, BaseModel, errors)
        if card is None:
            continue
        if card.id in cards:
            errors.append(ErrorItem(where, "a model given twice", "ids are unique"))
        cards[card.id] = card
    return Models(cards, _tunable(rules, cards, sources, errors))


def _tunable(
    rules: RuleFiles, cards: Mapping[str, BaseModel], sources: Mapping[str, object], errors: list[ErrorItem]
) -> list[Availability]:
    file, found = "tunable.toml", []
    for where, one in rulefile.rows(file, rulefile.parse(file, rules.read(file), errors), "tunable", errors):
        row = rulefile.convert(where, one, Availability, errors)
        if row is None:
            continue
        check_citations(where, row.cite, sources, errors)
        if row.model not in cards:
            hint = suggestion(row.model, cards)
            errors.append(ErrorItem(where, f"model {row.model!r}", "an id of base-models.toml", hint or None))
        found.append(row)
    return found


def status(models: Models, model: str, target: str, customer: Customer | None, today: date) -> Status:
    """Whether a job can be started on a target today; an unknown model is not offered anywhere."""
    card = models.cards.get(model)
    if card is not None and card.open_weights and target in OWN_TRAINER:
        return "open"
    row = models.on(model, target)
    if row is None:
        return "not-offered"
    return dated(row.until(customer), today)


def dated(until: date | None, today: date) -> Status:
    """The status that a last day gives."""
    if until is None:
        return "open"
    if until < today:
        return "closed"
    return "ending" if until - today <= ENDING else "open"


@lru_cache(maxsize=64)
def rank(models: Models, wanted: Wanted, today: date) -> list[Choice]:
    """Every model judged: those that suit first, fewer warnings first, then the smaller one."""
    judged = [_judge(models, card, wanted, today) for card in models.cards.values()]

    def order(choice: Choice) -> tuple[bool, int, float]:
        size = models.cards[choice.id].params_b
        return bool(choice.excluded), len(choice.warnings), size if size is not None else float("inf")

    return sorted(judged, key=order)


def _judge(models: Models, card: BaseModel, wanted: Wanted, today: date) -> Choice:
    reasons: list[str] = [card.why]
    warnings: list[str] = []
    excluded: list[str] = []
    if wanted.task is not None:
        (reasons if wanted.task in card.tasks else excluded).append(
            f"supports {wanted.task}" if wanted.task in card.tasks else f"its card does not list {wanted.task}"
        )
    if wanted.languages:
        _languages(card, wanted.languages, reasons, warnings, excluded)
    if wanted.min_context is not None:
        _context(card, wanted.min_context, reasons, warnings, excluded)
    if wanted.licence is not None and card.licence != wanted.licence:
        (warnings if card.licence is None else excluded).append(f"licence: {card.licence or 'not known here'}")
    if wanted.target is not None:
        _target(models, card, wanted, today, reasons, warnings, excluded)
    if card.review_by < today:
        warnings.append(f"this card was to be reviewed by {card.review_by}")
    return Choice(
        id=card.id, title=card.title, reasons=reasons, warnings=warnings, excluded=excluded, limits=card.limits
    )


def _languages(
    card: BaseModel, wanted: tuple[str, ...], reasons: list[str], warnings: list[str], excluded: list[str]
) -> None:
    lacking = [one for one in wanted if one not in card.languages]
    if not card.languages:
        warnings.append("its languages are not known here: see the model card")
    elif lacking:
        excluded.append(f"does not list {', '.join(lacking)}")
    else:
        reasons.append(f"lists {', '.join(wanted)}")


def _context(card: BaseModel, wanted: int, reasons: list[str], warnings: list[str], excluded: list[str]) -> None:
    if card.context_tokens is None:
        warnings.append("its context length is not known here")
    elif card.context_tokens < wanted:
        excluded.append(f"context of {card.context_tokens} tokens, {wanted} are wanted")
    else:
        reasons.append(f"context of {card.context_tokens} tokens")


def _target(
    models: Models,
    card: BaseModel,
    wanted: Wanted,
    today: date,
    reasons: list[str],
    warnings: list[str],
    excluded: list[str],
) -> None:
    target = str(wanted.target)
    found, row = status(models, card.id, target, wanted.customer, today), models.on(card.id, target)
    if found == "not-offered":
        excluded.append(f"is not offered for tuning on {target}")
        return
    if row is None:
        reasons.append(f"open weights: our own trainer tunes it on {target}")
        return
    said = f"(as of {row.as_of})"
    if wanted.method is not None and wanted.method not in row.methods:
        excluded.append(f"{wanted.method} is not listed for it on {target} {said}")
    if wanted.region is not None and row.regions and wanted.region not in row.regions:
        excluded.append(f"not in {wanted.region}: {', '.join(row.regions)} {said}")
    if found == "closed":
        excluded.append(f"takes no new jobs on {target} since {row.until(wanted.customer)} {said}")
        return
    reasons.append(f"can be tuned on {target}: {', '.join(row.methods) or 'methods not stated'} {said}")
    warnings += _row_warnings(row, wanted, today, found)


def _row_warnings(row: Availability, wanted: Wanted, today: date, found: Status) -> list[str]:
    said = []
    if found == "ending":
        said.append(f"tuning ends on {row.until(wanted.customer)}")
    if wanted.customer is None and row.until_new is not None and row.until_new < today:
        said.append(f"existing customers only: new ones could start until {row.until_new}")
    if row.deployable_until is not None:
        said.append(f"a tuned deployment ends on {row.deployable_until}")
    if row.access == "invitation":
        said.append("by invitation only")
    said += [f"{one} is disputed between the provider's own pages" for one in row.disputed]
    if row.note:
        said.append(row.note)
    if row.review_by < today:
        said.append(f"this row was to be reviewed by {row.review_by}")
    return said
