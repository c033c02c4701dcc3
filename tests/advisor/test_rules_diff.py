"""rules diff: which stored decisions get another answer under other rules."""

from __future__ import annotations

from pathlib import Path

from service.advisor.examples import load_examples
from service.data import rule_files
from service.settings import load_settings
from service.store.database import migrate, open_engine
from service.store.store import Store
from service.verbs.advise import advise
from service.verbs.rules_diff import diff, diff_text, stored_decisions

RULES = rule_files()
STRICTER = RULES.overlaid(
    {"escalation.toml": RULES.read("escalation.toml").replace(b'"< 50"', b'"< 500"').replace(b'">= 50"', b'">= 500"')}
)
DECISIONS = [advise(one.facts, rules=RULES, edition=one.edition) for one in load_examples(RULES) if not one.refused]


def test_equal_rules_change_nothing() -> None:
    found = diff(RULES, RULES, DECISIONS)
    assert (found.rules, found.changed, found.replayed) == ([], [], len(DECISIONS))


def test_changed_answers_are_listed_with_the_rules_behind_both() -> None:
    found = diff(RULES, STRICTER, DECISIONS)
    assert {one.rule for one in found.rules} == {"ESC-060", "ESC-070", "ESC-080", "ESC-090", "ESC-100"}
    assert all(one.change == "rewritten" for one in found.rules)
    tuned = {
        one.id for one in DECISIONS
        if (one.answer is None or one.answer.step.endswith("fine-tune"))
        and any(fact.name == "data.rows" and int(str(fact.value)) < 500 for fact in one.facts)
    }  # fmt: skip
    assert {one.decision for one in found.changed} == tuned
    assert all(one.new is not None and one.new.step == "collect-data" for one in found.changed)
    assert "-> collect-data [ESC-060]" in diff_text(found)


def test_facts_that_new_rules_do_not_know_are_told() -> None:
    facts = RULES.read("facts.toml").replace(b'name = "data.rows"', b'name = "data.rows"\nmax = 100')
    found = diff(RULES, RULES.overlaid({"facts.toml": facts}), DECISIONS)
    assert found.changed
    assert all("data.rows" in str(one.problem) for one in found.changed)


def test_stored_decisions_are_those_of_database_and_records(tmp_path: Path) -> None:
    settings = load_settings({"TUNEGATE_HOME": str(tmp_path)})
    assert stored_decisions(settings) == []
    engine = open_engine(settings.database_url)
    migrate(engine)
    Store(engine).put("decision", DECISIONS[0].id, DECISIONS[0])
    engine.dispose()
    assert [one.id for one in stored_decisions(settings)] == [DECISIONS[0].id]
