"""The chain's laws: an answer is what every completion gives, and only facts that can change it are asked for."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.advisor.decide import settle
from service.advisor.engine import collect, first_match, unique_match
from service.advisor.knowledge import load_knowledge
from service.advisor.whatif import pieces_of, would_change
from service.data import rule_files

KNOWLEDGE = load_knowledge(rule_files())
EDITIONS = KNOWLEDGE.editions
# every fact that the deciding tables test and that somebody can state, with one value of each of its pieces
DOMAIN: dict[str, list[Any]] = {
    name: [piece.value for piece in pieces_of(KNOWLEDGE, name, EDITIONS[0])]
    for name, kind in KNOWLEDGE.vocabulary.items()
    if not kind.derived and pieces_of(KNOWLEDGE, name, EDITIONS[0])
}
partial = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in DOMAIN.items()})
complete = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in DOMAIN.items()})
# most random facts end at an early step; these reach the later tables
tuning = {"eval.exists": True, "gap.kind": "behaviour", "tried.prompt": True, "tried.few_shot": True, "data.rows": 90}
tuning_partial = partial.map(lambda facts: facts | tuning)


@given(st.one_of(partial, tuning_partial), complete, st.sampled_from(EDITIONS))
@settings(max_examples=300, deadline=None)
def test_no_missing_fact_can_change_an_answer(facts: dict[str, Any], rest: dict[str, Any], edition: str) -> None:
    now = settle(KNOWLEDGE, facts, edition)
    if now.answer is not None:
        then = settle(KNOWLEDGE, rest | facts, edition)
        # a further fact may contradict a stated one; it never leads to another answer
        assert then.conflicts or then.answer == now.answer


@given(st.one_of(complete, complete.map(lambda facts: facts | tuning)), st.data())
@settings(max_examples=300, deadline=None)
def test_every_fact_asked_for_can_change_the_answer(facts: dict[str, Any], data: st.DataObject) -> None:
    edition = data.draw(st.sampled_from(EDITIONS))
    left_out = data.draw(st.sets(st.sampled_from(sorted(DOMAIN)), min_size=1, max_size=3))
    known = {name: value for name, value in facts.items() if name not in left_out}
    now = settle(KNOWLEDGE, known, edition)
    assert set(now.unknown) <= left_out
    names = sorted(left_out)
    answers = {}
    for chosen in itertools.product(*(range(len(DOMAIN[name])) for name in names)):
        replies = {name: DOMAIN[name][number] for name, number in zip(names, chosen, strict=True)}
        outcome = settle(KNOWLEDGE, known | replies, edition)
        answers[chosen] = f"{outcome.answer} {bool(outcome.conflicts)}"
    for asked in now.unknown:
        i = names.index(asked)
        groups: dict[Any, set[str]] = {}
        for chosen, answer in answers.items():
            groups.setdefault(chosen[:i] + chosen[i + 1 :], set()).add(answer)
        assert any(len(found) > 1 for found in groups.values()), asked
    if now.answer is None and not now.conflicts:
        assert now.unknown
        assert len(set(answers.values())) > 1


@given(st.one_of(complete, complete.map(lambda facts: facts | tuning)), st.sampled_from(EDITIONS))
@settings(max_examples=80, deadline=None)
def test_each_counterfactual_applied_gives_what_was_announced(facts: dict[str, Any], edition: str) -> None:
    now = settle(KNOWLEDGE, facts, edition)
    for change in would_change(KNOWLEDGE, facts, edition, now):
        then = settle(KNOWLEDGE, facts | {change.fact: change.nearest}, edition)
        assert then.answer == change.answer
        assert then.answer != now.answer
        if change.rule is not None:
            assert change.rule in [rule.id for rule in (*then.deciding, *then.conflicts)]


@given(complete.map(lambda facts: facts | tuning), st.sampled_from(EDITIONS), st.data())
@settings(max_examples=80, deadline=None)
def test_no_single_change_is_forgotten_and_none_is_nearer(
    facts: dict[str, Any], edition: str, data: st.DataObject
) -> None:
    now = settle(KNOWLEDGE, facts, edition)
    if now.answer is None:
        return
    told = {(change.fact, str(change.answer)): change for change in would_change(KNOWLEDGE, facts, edition, now)}
    name = data.draw(st.sampled_from(sorted(facts)))
    other = data.draw(st.integers(0, 400) if name == "data.rows" else st.sampled_from(DOMAIN[name]))
    then = settle(KNOWLEDGE, facts | {name: other}, edition)
    if then.answer == now.answer:
        return
    change = told[(name, str(then.answer))]
    if name == "data.rows":
        assert abs(int(str(change.nearest)) - facts[name]) <= abs(other - facts[name])
    if name == "scenario" and not then.conflicts:
        assert isinstance(change.nearest, list)
        assert len(set(change.nearest) ^ set(facts[name])) <= len(set(other) ^ set(facts[name]))


def test_one_reply_can_settle_it() -> None:
    outcome = settle(KNOWLEDGE, {}, EDITIONS[0])
    assert outcome.unknown[0] == "eval.exists"
    assert settle(KNOWLEDGE, {"eval.exists": False}, EDITIONS[0]).unknown == []


def test_a_question_whose_replies_all_lead_to_one_answer_is_not_asked() -> None:
    facts = {"eval.exists": True, "gap.kind": "knowledge", "tried.prompt": True, "tried.rag": False}
    outcome = settle(KNOWLEDGE, facts, EDITIONS[0])
    assert outcome.answer is not None
    assert outcome.answer.step == "rag"


def test_every_row_that_could_be_the_reason_is_named() -> None:
    table = KNOWLEDGE.tables["escalation"]
    known = {"eval.exists": True, "gap.kind": "knowledge", "tried.prompt": True, "tried.rag": False, "data.rows": 3}
    match = first_match(table, known)
    assert [rule.id for rule in match.rules] == ["ESC-040"]
    assert match.unknown == []


def test_retrieval_that_fell_short_is_not_recommended_again() -> None:
    facts = {"eval.exists": True, "gap.kind": "knowledge", "tried.prompt": True}
    asked = settle(KNOWLEDGE, facts, EDITIONS[0])
    assert (asked.answer, asked.unknown[0]) == (None, "tried.rag")
    table = KNOWLEDGE.tables["escalation"]
    steps = {rows: first_match(table, facts | {"tried.rag": True, "data.rows": rows}).rules for rows in (3, 300)}
    assert [rule.then for rules in steps.values() for rule in rules] == ["collect-data", "rag-and-fine-tune"]


def test_a_unique_table_settles_on_its_one_true_row() -> None:
    rows = KNOWLEDGE.matrices[EDITIONS[0]].rows
    match = unique_match(rows, {"scenario": ["creative"]})
    assert [rule.id for rule in match.rules] == ["SCN-050"]
    assert unique_match(rows, {}).unknown == ["scenario"]


def test_collect_parts_certain_from_possible() -> None:
    certain, possible = collect(KNOWLEDGE.tables["cautions"], {"chosen.step": "fine-tune", "data.pii_findings": 3})
    assert "CAU-100" in [rule.id for rule in certain]
    assert "CAU-060" in [rule.id for rule in possible]
    assert "CAU-190" not in [rule.id for rule in (*certain, *possible)]


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_technique_of_every_scenario_obeys_the_matrix(edition: str) -> None:
    columns = {"lora": "lora", "qlora": "qlora", "dora": "dora"}
    fits = {f"fit.{name}": "fits" for name in ("full", "lora", "qlora", "dora", "zero2", "zero3")}
    for size in (1, 2):
        for asked in itertools.combinations(KNOWLEDGE.vocabulary["scenario"].values, size):
            facts = tuning | fits | {
                "answer.grounded": False, "compute.managed_by": "us", "gpu.count": 4, "scenario": sorted(asked),
            }  # fmt: skip
            outcome = settle(KNOWLEDGE, facts, edition)
            assert outcome.answer is not None
            for rule in (row for row in KNOWLEDGE.matrices[edition].rows.rules if row.row.when["scenario"] in asked):
                cells: Any = rule.row.then
                column = columns.get(str(outcome.answer.technique))
                assert column is None or cells[column] == "yes"
                assert outcome.answer.sharding in {None, "none"} or cells["zero"] == "yes"
