"""advise: facts in, the decision record out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from service.advisor.decide import NONE_FITS, TARGET, Outcome, matrix_rows, rejected, settle
from service.advisor.engine import collect
from service.advisor.knowledge import Knowledge, load_knowledge
from service.advisor.matrix import SCENARIO, asked_rows
from service.advisor.tables import Rule
from service.advisor.vocabulary import check_facts
from service.advisor.whatif import ways_out, would_change
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.records.decision import (
    TUNING_STEPS,
    Because,
    Caution,
    Decision,
    EditionDisagreement,
    Evidence,
    Fact,
    FactValue,
    Stale,
    Unknown,
)
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation
from service.records.identity import digest
from service.records.lint_report import LintReport
from service.verbs.advising.filled import filled, said
from service.verbs.advising.measured import devices, measured_facts
from service.verbs.model_choice import model_advice, model_status


def advise(
    facts: Mapping[str, Any],
    *,
    rules: RuleFiles,
    edition: str | None = None,
    report: LintReport | None = None,
    estimates: Sequence[Estimate] = (),
    evaluations: Sequence[Evaluation] = (),
    now: datetime | None = None,
) -> Decision:
    """Decide on what is known; measured facts (lint, estimates, evaluations, catalogue) win over stated ones.

    Raises:
        TuneGateError: `invalid_facts` with every unknown name or value, `contradictory_facts` with the ways out,
            `invalid_input` for an unknown edition, `invalid_rules`.
    """
    knowledge = load_knowledge(rules)
    edition = _edition(knowledge, edition)
    stated = check_facts(facts, knowledge.vocabulary)
    measured = measured_facts(knowledge, stated, report, estimates, rules, evaluations)
    known = dict(sorted((stated | measured.values).items()))
    outcome = settle(knowledge, known, edition)
    if outcome.conflicts:
        raise _contradiction(knowledge, known, edition, outcome.conflicts)
    if outcome.answer is None and not outcome.unknown:
        raise TuneGateError(
            "invalid_rules", "The tables have no row for these facts.", remedy="tunegate rules audit names the gap."
        )
    listed = [Fact(name, value, measured.origins.get(name, "asked")) for name, value in known.items()]
    moment = now or datetime.now(UTC)
    today = moment.date()
    derived = _derived(knowledge, outcome, stated, measured.values, devices(estimates), today)
    certain, possible = _cautions(knowledge, derived)
    tunes = outcome.answer is not None and outcome.answer.step in TUNING_STEPS
    evidence = collect(knowledge.tables["reasons"], derived)[0] if tunes else []
    reasons = [*outcome.deciding, *matrix_rows(knowledge, derived, edition), *evidence] if outcome.answer else []
    return Decision(
        id=digest({"facts": listed, "rules_revision": knowledge.revision, "edition": edition}),
        made_at=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        rules_revision=knowledge.revision,
        edition=edition,
        editions_disagree=_disagreements(knowledge, known, edition, outcome),
        facts=listed,
        answer=outcome.answer,
        because=[Because(rule.id, filled(rule.row.why, derived), rule.row.cite) for rule in reasons],
        rejected=[one for one in rejected(knowledge, outcome, edition) if one.option != NONE_FITS],
        would_change=would_change(knowledge, known, edition, outcome),
        cautions=[*certain, *possible] if outcome.answer else [],
        unknown=[Unknown(name, knowledge.vocabulary[name].ask) for name in outcome.unknown],
        stale=_stale(knowledge, reasons, [one.rule for one in certain], today),
        overrides=[],
        models=model_advice(knowledge, derived, today) if tunes else [],
        evidence=[*_evidence(evaluations), *_of_syntheses(report)],
    )


def _evidence(evaluations: Sequence[Evaluation]) -> list[Evidence]:
    if not evaluations:
        return []
    from service.lint.outputs.groups import printable

    return [Evidence(one.id, printable(one.conclusion.why)) for one in evaluations]


def _of_syntheses(report: LintReport | None) -> list[Evidence]:
    """What the data is said to be, by the records of whoever had a model write it."""
    if report is None:
        return []
    rows = sum(file.rows for file in report.files if file.role == "train")
    counted = {one: f"{count:,} of {rows:,} training rows" for one, count in report.synth_rows.items()}
    # a report that was made before rows were counted has the share alone
    share = f"{said(report.facts.get('data.synthetic', 0))} of the training rows"
    return [
        Evidence(one, f"a model wrote rows of the data: {counted.get(one, share)}, by the lint report")
        for one in report.synth
    ]


def _edition(knowledge: Knowledge, wanted: str | None) -> str:
    editions = knowledge.editions
    if wanted is None:
        return editions[0]
    if wanted not in editions:
        error = ErrorItem("edition", wanted[:60], ", ".join(editions), suggestion(wanted, editions) or None)
        raise TuneGateError("invalid_input", "There is no such edition of the matrix.", errors=[error])
    return wanted


def _contradiction(
    knowledge: Knowledge, known: Mapping[str, FactValue], edition: str, conflicts: Sequence[Rule]
) -> TuneGateError:
    """Every contradiction with the facts that make it up and the nearest single changes that end it."""
    errors = []
    for rule in conflicts:
        names = [name for name in rule.cells if name in known]
        ways = [f"{name} = {said(value)}" for name, value in ways_out(knowledge, known, edition, rule)]
        seen = " with ".join(f"{name} = {said(known[name])}" for name in names)
        remedy = f"Nearest way out: {' or '.join(ways)}." if ways else "Change two of these facts."
        errors.append(
            ErrorItem(", ".join(names), f"{seen} ({rule.id})", filled(rule.row.why, known).rstrip("."), remedy)
        )
    return TuneGateError(
        "contradictory_facts", f"{len(errors)} contradiction(s): no target satisfies these facts.", errors=errors
    )


def _derived(
    knowledge: Knowledge,
    outcome: Outcome,
    stated: Mapping[str, FactValue],
    measured: Mapping[str, FactValue],
    kinds: int,
    today: date,
) -> dict[str, FactValue]:
    """What was chosen, what the catalogue says of the model there, and what the measurements overruled."""
    facts = dict(outcome.facts)
    facts["facts.overruled"] = any(stated.get(name, value) != value for name, value in measured.items())
    facts["fit.devices"] = kinds
    found = model_status(knowledge, facts, today) if TARGET in facts else None
    return facts | ({"model.status": found} if found else {})


def _disagreements(
    knowledge: Knowledge, facts: Mapping[str, FactValue], edition: str, outcome: Outcome
) -> list[EditionDisagreement]:
    """The cells of the asked scenarios on which the editions differ, and whether another edition answers otherwise."""
    scenarios = facts.get(SCENARIO)
    found: list[tuple[str, str, dict[str, str]]] = []
    for scenario in scenarios if isinstance(scenarios, list) else ():
        rows = {
            name: dict(asked_rows(matrix.rows, [scenario])[0].row.then)  # type: ignore[arg-type]
            for name, matrix in knowledge.matrices.items()
        }
        for technique in next(iter(rows.values())):
            values = {name: cells[technique] for name, cells in rows.items()}
            if len(set(values.values())) > 1:
                found.append((scenario, technique, values))
    others = [settle(knowledge, facts, name) for name in knowledge.editions if found and name != edition]
    differs = any(other.answer != outcome.answer for other in others)
    return [EditionDisagreement(*cell, changes_answer=differs) for cell in found]


def _cautions(knowledge: Knowledge, facts: Mapping[str, FactValue]) -> tuple[list[Caution], list[Caution]]:
    """What applies, and what may also apply; the latter only where a fact that a person can state is missing."""
    certain, possible = collect(knowledge.tables["cautions"], facts)
    found = [Caution(rule.id, filled(rule.then, facts), rule.row.severity or "medium") for rule in certain]
    perhaps = []
    for rule in possible:
        missing = [name for name in rule.cells if name not in facts]
        if not any(knowledge.vocabulary[name].derived for name in missing):
            tests = " and ".join(f"{name} is {rule.cells[name].text}" for name in missing)
            perhaps.append(
                Caution(rule.id, f"May also apply, if {tests}: {filled(rule.then, facts, unknown='n')}", "low")
            )
    return found, perhaps


def _stale(knowledge: Knowledge, reasons: Sequence[Rule], cautions: Sequence[str], today: date) -> list[Stale]:
    used = dict.fromkeys([*(rule.id for rule in reasons), *cautions])
    return [
        Stale(name, due.isoformat(), "Its review is due: check its sources before you rely on it.")
        for name in used
        if (due := knowledge.rules[name][1].row.review_by) < today
    ]
