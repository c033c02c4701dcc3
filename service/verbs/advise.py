"""advise: facts in, the decision record out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

from service.advisor.decide import Outcome, cautions, decide, matrix_rules
from service.advisor.tables import TABLES, Knowledge, load_sources, load_table
from service.advisor.vocabulary import check_facts, load_vocabulary
from service.advisor.whatif import would_change
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.records.decision import (
    Because,
    Caution,
    Decision,
    EditionDisagreement,
    Fact,
    FactValue,
    Stale,
    Unknown,
)
from service.records.estimate import Estimate
from service.records.identity import record_id
from service.records.lint_report import LintReport

_ORDER = ("fits", "tight", "no")
_SEVERITIES: tuple[Literal["high", "medium", "low"], ...] = ("high", "medium", "low")


def load_knowledge(rules: RuleFiles) -> Knowledge:
    """Every table, fact and source.

    Raises:
        TuneGateError: `invalid_rules` with every error of the first broken file.
    """
    vocabulary, sources = load_vocabulary(rules), load_sources(rules)
    tables = {name: load_table(name, rules.read(f"{name}.toml"), vocabulary, sources) for name in TABLES}
    return Knowledge(rules.revision, vocabulary, tables, sources)


def advise(
    facts: Mapping[str, Any],
    *,
    rules: RuleFiles,
    edition: str | None = None,
    report: LintReport | None = None,
    estimates: Sequence[Estimate] = (),
    now: datetime | None = None,
) -> Decision:
    """Decide on what is known; measured facts (lint, estimates) win over stated ones.

    Raises:
        TuneGateError: `invalid_facts` with every unknown name or value, `invalid_input` for an unknown edition.
    """
    knowledge = load_knowledge(rules)
    edition = _edition(knowledge, edition)
    measured, sources = _measured(report, estimates, knowledge)
    stated = check_facts(facts, knowledge.vocabulary)
    known = dict(sorted((stated | measured).items()))
    outcome = decide(knowledge, known, edition)
    listed = [Fact(name, value, sources.get(name, "asked")) for name, value in known.items()]
    moment = now or datetime.now(UTC)
    return Decision(
        id=record_id({"facts": listed, "rules_revision": knowledge.revision, "edition": edition}),
        made_at=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        rules_revision=knowledge.revision,
        edition=edition,
        editions_disagree=_disagreements(knowledge, known.get("scenario")),
        facts=listed,
        answer=outcome.answer,
        because=[Because(rule.id, rule.row.why, rule.row.cite) for rule in outcome.because],
        rejected=outcome.rejected,
        would_change=would_change(knowledge, known, edition),
        cautions=_cautions(knowledge, outcome),
        unknown=[Unknown(name, knowledge.vocabulary[name].ask) for name in dict.fromkeys(outcome.unknown)],
        stale=_stale(knowledge, outcome, moment.date()),
        overrides=[],
    )


def _edition(knowledge: Knowledge, wanted: str | None) -> str:
    editions = knowledge.tables["scenarios"].head.editions
    if wanted is None:
        return editions[0]
    if wanted not in editions:
        error = ErrorItem("edition", wanted, ", ".join(editions), suggestion(wanted, editions) or None)
        raise TuneGateError("invalid_input", f"No edition {wanted!r}.", errors=[error])
    return wanted


def _measured(
    report: LintReport | None, estimates: Sequence[Estimate], knowledge: Knowledge
) -> tuple[dict[str, FactValue], dict[str, str]]:
    facts: dict[str, FactValue] = {}
    sources: dict[str, str] = {}
    if report is not None:
        for name, value in report.facts.items():
            if name in knowledge.vocabulary:
                facts[name], sources[name] = value, f"measured:{report.id}"
    for estimate in estimates:
        stage = estimate.inputs.get("zero", {}).get("stage", 0) if estimate.inputs.get("zero") else 0
        name = f"fit.zero{stage}" if stage else f"fit.{estimate.technique}"
        verdicts = [fit.verdict for fit in estimate.fits]
        if name not in knowledge.vocabulary or not verdicts:
            continue
        best = min([*verdicts, *([str(facts[name])] if name in facts else [])], key=_ORDER.index)
        if best != facts.get(name):
            facts[name], sources[name] = best, f"measured:{estimate.id}"
    return facts, sources


def _disagreements(knowledge: Knowledge, scenarios: FactValue | None) -> list[EditionDisagreement]:
    asked = scenarios if isinstance(scenarios, list) else []
    found = []
    for scenario in asked:
        rows = {
            edition: rule.row.then
            for edition in knowledge.tables["scenarios"].head.editions
            for rule in matrix_rules(knowledge, [scenario], edition)
        }
        techniques = next(iter(rows.values()))
        for technique in techniques:
            values = {edition: then[technique] for edition, then in rows.items() if isinstance(then, dict)}
            if len(set(values.values())) > 1:
                found.append(EditionDisagreement(scenario, technique, values))
    return found


def _cautions(knowledge: Knowledge, outcome: Outcome) -> list[Caution]:
    found = []
    for rule in cautions(knowledge, outcome.facts):
        severity, _, text = str(rule.row.then).partition(": ")
        level = next(one for one in _SEVERITIES if one == severity)
        found.append(Caution(rule.id, text, level))
    return found


def _stale(knowledge: Knowledge, outcome: Outcome, today: date) -> list[Stale]:
    used = [*outcome.because, *cautions(knowledge, outcome.facts)]
    return [
        Stale(rule.id, rule.row.review_by.isoformat(), "Its review is due: check its sources before you rely on it.")
        for rule in used
        if rule.row.review_by < today
    ]
