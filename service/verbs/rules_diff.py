"""rules diff: decisions replayed under two sets of rules; which answers change."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from service.advisor.decide import settle
from service.advisor.knowledge import Knowledge, load_knowledge
from service.advisor.vocabulary import check_facts
from service.data import RuleFiles
from service.errors import TuneGateError, missing_extra
from service.records.decision import Answer, Decision
from service.settings import Settings


class ChangedRule(msgspec.Struct, frozen=True):
    """A row that was added, removed or rewritten."""

    rule: str
    change: str


class ChangedAnswer(msgspec.Struct, frozen=True):
    """One decision under both sets; `problem` when the new rules cannot take its facts."""

    decision: str
    old: Answer | None
    new: Answer | None
    old_rules: list[str]
    new_rules: list[str]
    problem: str | None = None


class RulesDiff(msgspec.Struct, frozen=True):
    """What differs between two sets of rules, and what it does to decisions that were made."""

    old_revision: str
    new_revision: str
    rules: list[ChangedRule]
    replayed: int
    changed: list[ChangedAnswer]


def diff(old: RuleFiles, new: RuleFiles, decisions: Iterable[Decision]) -> RulesDiff:
    """Replay the facts of every decision under both sets.

    Raises:
        TuneGateError: `invalid_rules` when either set is broken.
    """
    before, after = load_knowledge(old), load_knowledge(new)
    replayed, changed = 0, []
    for decision in decisions:
        replayed += 1
        found = _replayed(before, after, decision)
        if found is not None:
            changed.append(found)
    return RulesDiff(old.revision, new.revision, _rules(before, after), replayed, changed)


def _rules(before: Knowledge, after: Knowledge) -> list[ChangedRule]:
    old, new = ({name: rule.row for name, (_, rule) in one.rules.items()} for one in (before, after))
    found = [ChangedRule(name, "removed") for name in old if name not in new]
    found += [ChangedRule(name, "added") for name in new if name not in old]
    return found + [ChangedRule(name, "rewritten") for name in old if name in new and old[name] != new[name]]


def _replayed(before: Knowledge, after: Knowledge, decision: Decision) -> ChangedAnswer | None:
    old, old_rules, _ = _answer(before, decision)
    new, new_rules, problem = _answer(after, decision)
    if problem is None and old == new:
        return None
    return ChangedAnswer(decision.id, old, new, old_rules, new_rules, problem)


def _answer(knowledge: Knowledge, decision: Decision) -> tuple[Answer | None, list[str], str | None]:
    """(answer, rules behind it, why there is none)."""
    edition = decision.edition if decision.edition in knowledge.editions else knowledge.editions[0]
    try:
        facts = check_facts({fact.name: fact.value for fact in decision.facts}, knowledge.vocabulary)
    except TuneGateError as error:
        return None, [], "; ".join(f"{item.where}: {item.seen}" for item in error.errors)
    outcome = settle(knowledge, facts, edition)
    rules = [rule.id for rule in (*outcome.deciding, *outcome.conflicts)]
    return outcome.answer, rules, "the facts contradict each other" if outcome.conflicts else None


def stored_decisions(settings: Settings) -> list[Decision]:
    """The decisions of the data folder: those of its database, and those kept beside plans; each once."""
    found: dict[str, Decision] = {}
    for path in sorted(settings.records.glob("*.json")) if settings.records.is_dir() else []:
        content = path.read_bytes()
        if b'"tunegate.decision/1"' in content[:200]:
            decision = msgspec.json.decode(content, type=Decision)
            found[decision.id] = decision
    for decision in _in_database(settings):
        found.setdefault(decision.id, decision)
    return list(found.values())


def _in_database(settings: Settings) -> list[Decision]:
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    try:
        from service.store.database import migrate, open_engine
        from service.store.store import Store
    except ImportError as error:
        raise missing_extra("service", "Reading the stored decisions", error) from error
    engine = open_engine(url)
    try:
        migrate(engine)
        return list(Store(engine).all("decision", Decision))
    finally:
        engine.dispose()


def diff_text(found: RulesDiff) -> str:
    """The differences in words."""
    lines = [f"{one.rule} {one.change}" for one in found.rules] or ["No row differs."]
    lines.append(f"{found.replayed} decision(s) replayed, {len(found.changed)} answer(s) change.")
    for one in found.changed:
        lines.append(f"  {one.decision[:12]}: {_said(one.old)} [{', '.join(one.old_rules)}]")
        after = one.problem or _said(one.new)
        lines.append(f"  {'':12}  -> {after} [{', '.join(one.new_rules)}]")
    return "\n".join(lines)


def _said(answer: Answer | None) -> str:
    if answer is None:
        return "more would be asked"
    parts = (answer.step, answer.technique, answer.sharding, answer.target)
    return ", ".join(part for part in parts if part not in {None, "none"} and part is not None)
