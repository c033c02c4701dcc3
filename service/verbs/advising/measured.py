"""Facts that nobody has to be asked for: counted by lint, estimated, evaluated, or read from the model catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from service.advisor.knowledge import Knowledge
from service.advisor.vocabulary import check_facts
from service.data import RuleFiles
from service.estimate.hardware import hardware_table
from service.records.decision import FactValue
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation
from service.records.lint_report import LintReport

_GAP, _NO_GAP = "gap.kind", "none"
_VERDICTS = ("fits", "tight", "no")


class Measured(msgspec.Struct, frozen=True):
    """Values, and where each came from: measured:<record id>."""

    values: dict[str, FactValue]
    origins: dict[str, str]

    def add(self, name: str, value: FactValue, origin: str) -> None:
        self.values[name] = value
        self.origins[name] = f"measured:{origin}"


def measured_facts(
    knowledge: Knowledge,
    stated: Mapping[str, FactValue],
    report: LintReport | None,
    estimates: Sequence[Estimate],
    rules: RuleFiles,
    evaluations: Sequence[Evaluation] = (),
) -> Measured:
    """Everything that the records, the catalogue and the table of devices say about the facts of the vocabulary.

    Raises:
        TuneGateError: `invalid_facts` for an evaluation whose facts no evaluation of ours can hold.
    """
    found = Measured({}, {})
    for evaluation in evaluations:  # of two that say something else, the one named later counts
        told = {name: value for name, value in evaluation.facts.items() if name in knowledge.vocabulary}
        for name, value in check_facts(told, knowledge.vocabulary).items():
            if name != _GAP or not _proposed(value, stated.get(_GAP)):
                found.add(name, value, evaluation.id)
    if report is not None:
        for name, value in report.facts.items():
            if name in knowledge.vocabulary:
                found.add(name, value, report.id)
        found.add("data.validation", any(file.role == "validation" for file in report.files), report.id)
    for estimate in _usable(estimates, stated):
        _fit(knowledge, estimate, found)
    _device(stated, estimates, found, rules)
    _card(knowledge, stated, found)
    return found


def _proposed(gap: FactValue, stated: FactValue | None) -> bool:
    """Whether a gap is a proposal beside the one that somebody stated; whether there is one at all is measured."""
    return stated is not None and _NO_GAP not in (gap, stated)


def devices(estimates: Sequence[Estimate]) -> int:
    """How many kinds of device the estimates speak of."""
    return len({fit.gpu for estimate in estimates for fit in estimate.fits})


def _stage(estimate: Estimate) -> int:
    zero = estimate.inputs.get("zero") or {}
    return int(zero.get("stage", 0))


def _usable(estimates: Sequence[Estimate], stated: Mapping[str, FactValue]) -> list[Estimate]:
    """An adapter's sharded estimate says nothing where the scenarios leave no adapter; full training's says both."""
    scenarios = stated.get("scenario", [])
    sharded_in_full = isinstance(scenarios, list) and "data-parallel" in scenarios
    return [one for one in estimates if not (_stage(one) and sharded_in_full and one.technique != "full")]


def _fit(knowledge: Knowledge, estimate: Estimate, found: Measured) -> None:
    gpus = int(estimate.inputs.get("gpus", 1))
    if gpus > 1:
        found.add("gpu.count", gpus, estimate.id)
    stage = _stage(estimate)
    name = f"fit.zero{stage}" if stage else f"fit.{estimate.technique}"
    if name not in knowledge.vocabulary or not estimate.fits:
        return
    verdicts = [fit.verdict for fit in estimate.fits]
    best = min([*verdicts, *([str(found.values[name])] if name in found.values else [])], key=_VERDICTS.index)
    if best != found.values.get(name):
        found.add(name, best, estimate.id)


def _device(stated: Mapping[str, FactValue], estimates: Sequence[Estimate], found: Measured, rules: RuleFiles) -> None:
    """The GPU that the estimates were asked about, where it is one kind, and how many of it.

    It is what somebody has in mind, not a measurement, so what was stated stands.
    """
    named = [one for one in estimates if one.inputs.get("gpu") is not None]
    kinds = {fit.gpu for one in named for fit in one.fits}
    row = hardware_table(rules).get(next(iter(kinds))) if len(kinds) == 1 else None
    if row is None or row.is_cpu:
        return
    known: dict[str, FactValue] = {"gpu.bf16": row.bf16}
    if row.capacity_gib is not None:
        known["gpu.vram_gib"] = row.capacity_gib
    if any("gpus" not in one.assumptions.get("defaults", {}) for one in named):
        known["gpu.count"] = max(int(one.inputs.get("gpus", 1)) for one in named)
    for name, value in known.items():
        if name not in stated and name not in found.values:
            found.add(name, value, named[0].id)


def _card(knowledge: Knowledge, stated: Mapping[str, FactValue], found: Measured) -> None:
    card = knowledge.models.cards.get(str(stated.get("model.id")))
    if card is None:
        return
    origin = f"base-models/{card.id}"
    known = {
        "model.params_b": card.params_b,
        "model.context_tokens": card.context_tokens,
        "model.licence": card.licence,
    }
    for name, value in known.items():
        if value is not None:
            found.add(name, value, origin)
    languages, task = stated.get("model.languages"), stated.get("model.task")
    if isinstance(languages, list) and card.languages:
        found.add("model.language_ok", set(languages) <= set(card.languages), origin)
    if task is not None:
        found.add("model.task_ok", task in card.tasks, origin)
