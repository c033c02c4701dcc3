"""models and hardware: the catalogues behind a choice of base model and an estimate, filterable."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from service.advisor.knowledge import Knowledge, load_knowledge
from service.advisor.models import BaseModel, Choice, Wanted, rank
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.estimate.hardware import Hardware, hardware_table
from service.estimate.machines import AzureMachine, azure_machines
from service.models.catalogue import CatalogueModel, catalogue
from service.models.families import has_formula
from service.records.decision import TARGETS, TECHNIQUES
from service.settings import Settings
from service.verbs.estimate import EstimateInputs, estimate
from service.verbs.model_choice import customer


class ModelFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What the models must satisfy; None asks for nothing. `gpu` and `technique` ask whether a run fits in memory."""

    family: str | None = None
    query: str | None = None
    max_params: int | None = None
    task: str | None = None
    languages: list[str] = []
    min_context: int | None = None
    licence: str | None = None
    target: str | None = None
    method: str | None = None
    customer: str | None = None
    region: str | None = None
    gpu: str | None = None
    technique: str = "lora"


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One base model: its memory figures (`estimable`), its card, and why it suits; `local` = a folder here."""

    id: str
    title: str | None = None
    family: str | None = None
    params: int | None = None
    estimable: bool = False
    local: bool = False
    hub: str | None = None
    source: str | None = None
    note: str | None = None
    card: BaseModel | None = None
    tunable: list[dict[str, Any]] = []
    fit: str | None = None
    reasons: list[str] = []
    warnings: list[str] = []


class HardwareRow(msgspec.Struct, frozen=True, kw_only=True):
    """One device of the table; `capacity_gib` is what one process can have."""

    id: str
    kind: str
    capacity_gib: float
    bf16: bool
    context_gib: float
    context_verified: bool
    validated: bool
    source: str
    as_of: str
    azure: list[AzureMachine] = []


def models(wanted: ModelFilter, *, rules: RuleFiles, settings: Settings, today: date | None = None) -> list[ModelRow]:
    """Every model that satisfies the filter, the best first: cards in their rank, then models without one.

    Raises:
        TuneGateError: `invalid_input` for an unknown target, technique, customer or task.
    """
    knowledge = load_knowledge(rules)
    _check(wanted, knowledge)
    ranked = rank(knowledge.models, _wanted(wanted), today or datetime.now(UTC).date())
    rows = [_carded(knowledge, choice, rules) for choice in ranked if not choice.excluded]
    if not _needs_card(wanted):
        carded = {row.id for row in rows}
        rows += [_plain(row) for row in catalogue(rules).values() if row.id not in carded]
        rows += _local(settings)
    kept = [row for row in rows if _kept(row, wanted)]
    return [row for row in (_fitted(row, wanted, rules, settings) for row in kept) if row is not None]


def _check(wanted: ModelFilter, knowledge: Knowledge) -> None:
    allowed = {
        "target": (wanted.target, list(TARGETS)),
        "technique": (wanted.technique, [one for one in TECHNIQUES if one not in {"peft", "provider-managed"}]),
        "customer": (wanted.customer, ["new", "existing"]),
        "task": (wanted.task, knowledge.vocabulary["model.task"].values),
        "method": (wanted.method, ["sft", "dpo", "rft"]),
    }
    errors = [
        ErrorItem(name, seen[:60], ", ".join(values), suggestion(seen, values) or None)
        for name, (seen, values) in allowed.items()
        if seen is not None and seen not in values
    ]
    known = knowledge.vocabulary["model.languages"].values
    errors += [
        ErrorItem("language", one[:60], ", ".join(known), suggestion(one, known) or None)
        for one in wanted.languages
        if one not in known
    ]
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} filter(s) cannot be used.", errors=errors)


def _wanted(wanted: ModelFilter) -> Wanted:
    return Wanted(
        task=wanted.task,
        languages=tuple(wanted.languages),
        min_context=wanted.min_context,
        licence=wanted.licence,
        target=wanted.target,
        method=wanted.method,
        customer=customer(wanted.customer),
        region=wanted.region,
    )


def _needs_card(wanted: ModelFilter) -> bool:
    """A filter on what only cards say leaves models without a card out."""
    return _wanted(wanted) != Wanted()


def _kept(row: ModelRow, wanted: ModelFilter) -> bool:
    return (
        (wanted.family is None or row.family == wanted.family)
        and (wanted.query is None or wanted.query.lower() in row.id.lower())
        and (wanted.max_params is None or (row.params is not None and row.params <= wanted.max_params))
    )


def _carded(knowledge: Knowledge, choice: Choice, rules: RuleFiles) -> ModelRow:
    card = knowledge.models.cards[choice.id]
    figures = catalogue(rules).get(card.memory or "")
    plain = _plain(figures) if figures else ModelRow(id=card.id, hub=card.hub)
    params = plain.params if plain.params is not None else (round(card.params_b * 1e9) if card.params_b else None)
    return msgspec.structs.replace(
        plain,
        title=card.title,
        params=params,
        card=card,
        tunable=[msgspec.structs.asdict(row) for row in knowledge.models.tunable if row.model == card.id],
        reasons=choice.reasons,
        warnings=[*choice.warnings, *([f"limits: {card.limits}"] if card.limits else [])],
    )


def _plain(row: CatalogueModel) -> ModelRow:
    return ModelRow(
        id=row.id,
        family=row.family,
        params=row.params,
        estimable=has_formula(row.family),
        hub=row.hub,
        source=row.source,
        note=row.note,
    )


def _fitted(row: ModelRow, wanted: ModelFilter, rules: RuleFiles, settings: Settings) -> ModelRow | None:
    """The row with its verdict on the asked device; None when it does not fit, a warning when nobody can say."""
    if wanted.gpu is None:
        return row
    if not row.estimable:
        return msgspec.structs.replace(row, warnings=[*row.warnings, "its memory cannot be estimated here"])
    inputs = EstimateInputs(model=row.id, techniques=[wanted.technique], gpu=wanted.gpu)
    verdict = estimate(inputs, rules=rules, settings=settings, peak_only=True)[0].fits[0].verdict
    if verdict == "no":
        return None
    said = f"{wanted.technique} {'fits' if verdict == 'fits' else 'is tight'} on {wanted.gpu}"
    if verdict == "tight":
        return msgspec.structs.replace(row, fit=verdict, warnings=[*row.warnings, said])
    return msgspec.structs.replace(row, fit=verdict, reasons=[*row.reasons, said])


def hardware(
    *,
    rules: RuleFiles,
    kind: str | None = None,
    query: str | None = None,
    min_capacity_gib: float | None = None,
) -> list[HardwareRow]:
    """The device table; `kind` is cuda or cpu."""
    machines = azure_machines(rules)
    return [
        _hardware_row(row, [one for one in machines if one.device == row.id])
        for row in hardware_table(rules).values()
        if (kind is None or row.kind == kind)
        and (query is None or query.lower() in row.id.lower())
        and (min_capacity_gib is None or (row.capacity_gib or 0.0) >= min_capacity_gib)
    ]


def _hardware_row(row: Hardware, machines: list[AzureMachine]) -> HardwareRow:
    return HardwareRow(
        id=row.id,
        kind=row.kind,
        capacity_gib=row.capacity_gib or 0.0,
        bf16=row.bf16,
        context_gib=row.context_gib,
        context_verified=row.context_verified,
        validated=row.validated,
        source=row.source,
        as_of=row.as_of.isoformat(),
        azure=machines,
    )


def _local(settings: Settings) -> list[ModelRow]:
    from service.models.catalogue import count_parameters
    from service.models.folder import read_config

    rows = []
    for folder in sorted(settings.models.iterdir()) if settings.models.is_dir() else []:
        try:
            config = read_config(folder / "config.json")
            params = count_parameters(config, where=folder.name)
        except TuneGateError:
            continue  # an unreadable folder is reported when it is named, not in a list
        family = str(config.get("model_type", ""))
        rows.append(ModelRow(id=folder.name, family=family, params=params, estimable=has_formula(family), local=True))
    return rows
