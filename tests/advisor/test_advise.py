"""Decisions: what is asked, what settles it, what would change it, and that the tables have no holes."""

from __future__ import annotations

import itertools
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.advisor.audit import audit
from service.advisor.cells import CellError, parse_cell, representatives
from service.advisor.decide import decide
from service.advisor.engine import cells_of, first_match, row_value
from service.advisor.tables import Knowledge, load_table
from service.data import RuleFiles, folder, rule_files
from service.errors import TuneGateError
from service.verbs.advise import advise, load_knowledge

RULES = rule_files()
KNOWLEDGE = load_knowledge(RULES)
SCENARIO = tomllib.loads((folder("examples") / "scenarios" / "library-desk.toml").read_text())["facts"]
MEASURED = {"data.rows": 240, "fit.lora": "fits"}
EXAMPLES = tomllib.loads(RULES.read("examples/decisions.toml").decode())["example"]


def test_the_shipped_tables_have_no_hole() -> None:
    assert audit(KNOWLEDGE) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["rule"])
def test_every_example_gets_its_answer_by_its_rule(example: dict[str, Any]) -> None:
    decision = advise(example["facts"], rules=RULES, edition=example.get("edition"))
    assert decision.answer is not None
    got = {name: getattr(decision.answer, name) for name in example["answer"]}
    assert got == example["answer"]
    named = [one.rule for one in (*decision.because, *decision.rejected, *decision.cautions)]
    assert example["rule"] in named


def test_every_rule_has_an_example() -> None:
    permissive = {rule.id for _, rule in KNOWLEDGE.rules.values() if "no" not in str(rule.row.then)}
    matrix = {rule.id for rule in KNOWLEDGE.tables["scenarios"].rules}
    named = {example["rule"] for example in EXAMPLES}
    assert set(KNOWLEDGE.rules) - (permissive & matrix) - matrix <= named


def test_facts_alone_are_not_enough_and_the_next_question_comes_first() -> None:
    decision = advise(SCENARIO, rules=RULES)
    assert decision.answer is None
    assert [one.fact for one in decision.unknown][:2] == ["data.rows", "fit.lora"]
    assert "Lint" in decision.unknown[0].ask


def test_measured_facts_settle_it() -> None:
    decision = advise(SCENARIO | MEASURED, rules=RULES)
    assert decision.answer is not None
    assert (decision.answer.step, decision.answer.technique, decision.answer.target) == ("fine-tune", "lora", "local")
    assert [one.rule for one in decision.because] == ["ESC-080", "TGT-010", "TEC-020"]


def test_no_evaluation_ends_it_at_once() -> None:
    decision = advise({"eval.exists": False}, rules=RULES)
    assert decision.answer is not None
    assert decision.answer.step == "build-evaluation"
    assert decision.unknown == []


def test_the_id_does_not_depend_on_clock_or_order() -> None:
    first = advise(SCENARIO | MEASURED, rules=RULES, now=datetime(2026, 1, 1, tzinfo=UTC))
    second = advise(dict(reversed((SCENARIO | MEASURED).items())), rules=RULES, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert first.id == second.id
    assert first.made_at != second.made_at
    assert advise(SCENARIO | MEASURED, rules=RULES, edition="phicookbook-3ec65311").id != first.id


def test_a_review_that_is_due_is_said() -> None:
    decision = advise(SCENARIO | MEASURED, rules=RULES, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert {"ESC-080", "TGT-010", "TEC-020"} <= {one.rule for one in decision.stale}


def test_both_editions_and_where_they_disagree_are_in_the_record() -> None:
    decision = advise(SCENARIO | MEASURED | {"scenario": ["reduce-memory"], "fit.qlora": "fits"}, rules=RULES)
    assert decision.answer is not None
    assert decision.answer.technique == "qlora"
    assert {one.technique for one in decision.editions_disagree} == {"lora", "peft"}
    later = advise(SCENARIO | MEASURED | {"scenario": ["reduce-memory"]}, rules=RULES, edition="phicookbook-3ec65311")
    assert later.answer is not None
    assert later.answer.technique == "lora"


def test_six_cells_differ_between_the_editions() -> None:
    rows = KNOWLEDGE.tables["scenarios"].rules
    cells = {(r.row.edition, r.row.when["scenario"], c): v for r in rows for c, v in dict(r.row.then).items()}  # type: ignore[arg-type]
    assert len(cells) == 108
    pairs = [(k, v) for k, v in cells.items() if k[0] == "original"]
    assert sum(cells[("phicookbook-3ec65311", *key[1:])] != value for key, value in pairs) == 6


def test_every_wrong_fact_is_reported_at_once_with_what_is_allowed() -> None:
    wrong = {
        "gap.kin": "format",
        "gap.kind": "behavior",
        "eval.exists": "maybe",
        "data.rows": -1,
        "scenario": ["chatbo"],
    }
    with pytest.raises(TuneGateError) as raised:
        advise(wrong, rules=RULES)
    found = {error.where: error for error in raised.value.errors}
    assert set(found) == set(wrong)
    assert "'gap.kind'" in str(found["gap.kin"].remedy)
    assert "'behaviour'" in str(found["gap.kind"].remedy)
    assert "from 0" in str(found["data.rows"].allowed)
    assert "'chatbot'" in str(found["scenario"].remedy)
    assert (raised.value.status, raised.value.exit_code) == (422, 2)


def _domain(name: str) -> list[Any]:
    rules = [rule for table in ("escalation", "target", "technique") for rule in KNOWLEDGE.tables[table].rules]
    kind = KNOWLEDGE.vocabulary[name]
    values: list[Any] = list(representatives(kind, cells_of(rules, name)))
    return [[one] for one in values] if kind.type == "list" else values


NAMES = [n for n, k in KNOWLEDGE.vocabulary.items() if not k.derived and (n == "scenario" or cells_of(
    [r for t in ("escalation", "target", "technique") for r in KNOWLEDGE.tables[t].rules], n))]  # fmt: skip
partial_facts = st.fixed_dictionaries({}, optional={name: st.sampled_from(_domain(name)) for name in NAMES})


@given(partial_facts)
@settings(max_examples=60, deadline=None)
def test_a_settled_escalation_is_what_every_completion_gives(facts: dict[str, Any]) -> None:
    rules = KNOWLEDGE.tables["escalation"].rules
    match = first_match(rules, facts, KNOWLEDGE.vocabulary)
    missing = [n for n in dict.fromkeys(n for r in rules for n in r.cells) if n not in facts]
    answers = set()
    for values in itertools.product(*map(_domain, missing)):
        full = facts | dict(zip(missing, values, strict=True))
        answers.add(next(str(rule.row.then) for rule in rules if row_value(rule, full)))
    assert (len(answers) == 1) == bool(match.rules)
    assert bool(match.rules) != bool(match.unknown)


@given(partial_facts)
@settings(max_examples=40, deadline=None)
def test_what_would_change_it_does(facts: dict[str, Any]) -> None:
    decision = advise(facts, rules=RULES)
    for change in decision.would_change:
        moved = decide(KNOWLEDGE, facts | {change.fact: change.nearest}, decision.edition)
        assert moved.answer == change.answer
        assert moved.answer != decision.answer


PLANTED = '[table]\nid = "t"\nhit = "first"\ndecides = "x"\ncomplete = true\n'


def _rule(identifier: str, when: str, then: str = "a") -> str:
    body = f'then = "{then}"\nwhy = "w"\ncite = ["foundry-module"]\nreview-by = 2027-01-01\n'
    return f'[[rule]]\nid = "{identifier}"\nwhen = {{ {when} }}\n{body}'


def _knowledge(text: str) -> Knowledge:
    table = load_table("t", text.encode(), KNOWLEDGE.vocabulary, KNOWLEDGE.sources)
    return Knowledge("r", KNOWLEDGE.vocabulary, {"t": table}, {})


def test_a_planted_gap_and_an_unreachable_row_are_found() -> None:
    text = PLANTED + _rule("T-1", '"data.rows" = "< 50"') + _rule("T-2", '"data.rows" = "[10 .. 20]"')
    found = audit(_knowledge(text))
    assert any("T-2 can never be the first match" in one for one in found)
    assert any("no row matches data.rows = 50" in one for one in found)


def test_a_planted_overlap_is_found() -> None:
    head = PLANTED.replace('"first"', '"unique"').replace("complete = true\n", "")
    text = head + _rule("T-1", '"data.rows" = ">= 50"') + _rule("T-2", '"data.rows" = "<= 50"', "b")
    assert any("T-1 and T-2 both match data.rows = 50" in one for one in audit(_knowledge(text)))


def test_every_error_of_a_rule_file_is_reported_at_once() -> None:
    broken = PLANTED + _rule("T-1", '"gap.kind" = "nome"') + _rule("T-2", '"data.row" = "< 5"') + _rule("T-2", "")
    broken += _rule("T-3", '"data.rows" = "under 50"') + _rule("T-4", '"data.rows" = 50').replace(
        "foundry-module", "nobody"
    )
    with pytest.raises(TuneGateError) as raised:
        load_table("t", broken.encode(), KNOWLEDGE.vocabulary, KNOWLEDGE.sources)
    said = "\n".join(f"{e.where} {e.seen} {e.remedy}" for e in raised.value.errors)
    for part in ("Did you mean 'none'?", "'data.rows'", "used twice", "under 50", "cells are strings", "nobody"):
        assert part in said


@pytest.mark.parametrize(
    "text", ["[13 .. 7)", "format | format", "not none | format | behaviour | knowledge | latency-cost", ""]
)
def test_cells_that_say_nothing_are_refused(text: str) -> None:
    kind = KNOWLEDGE.vocabulary["data.rows" if text.startswith("[") else "gap.kind"]
    with pytest.raises(CellError):
        parse_cell(text, kind)


def test_own_rules_are_laid_over_the_shipped_ones() -> None:
    contents = {name: RULES.read(name) for name in RULES.names()}
    own = contents["escalation.toml"].replace(b'"< 50"', b'"< 500"').replace(b'">= 50"', b'">= 500"')
    changed = RuleFiles(contents | {"escalation.toml": own})
    decision = advise(SCENARIO | MEASURED, rules=changed)
    assert decision.answer is not None
    assert decision.answer.step == "collect-data"
    assert decision.rules_revision != RULES.revision
