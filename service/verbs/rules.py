"""rules: the rule files themselves, table by table, and what an audit finds."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from service.advisor.audit import audit
from service.advisor.catalogue import Entry
from service.advisor.examples import load_examples
from service.advisor.knowledge import Knowledge, load_knowledge
from service.advisor.tables import Rule
from service.advisor.vocabulary import domain
from service.data import RuleFiles
from service.errors import TuneGateError, suggestion
from service.lint.catalogue import rule_ids, title_of
from service.verbs.rendering.pages import cell


class TableSummary(msgspec.Struct, frozen=True):
    name: str
    decides: str
    rules: int


class TableList(msgspec.Struct, frozen=True):
    """Every table, with the revision over all rule files."""

    rules_revision: str
    items: list[TableSummary]
    next: str | None = None


class RuleView(msgspec.Struct, frozen=True):
    """One row of a table; `when` holds the cells as written."""

    id: str
    edition: str | None
    when: dict[str, str]
    then: Any
    why: str
    cite: list[str]
    review_by: str
    severity: str | None = None


class TableView(msgspec.Struct, frozen=True):
    """One table; `hit` says how its rows are read, and `sources` what the keys in `cite` stand for."""

    name: str
    rules: list[RuleView]
    decides: str = ""
    hit: str = ""
    editions: list[str] = []
    sources: dict[str, str] = {}


def list_tables(rules: RuleFiles) -> TableList:
    """The decision tables, the catalogues, the facts and the lint checks."""
    knowledge = load_knowledge(rules)
    items = [TableSummary(name, table.head.decides, len(table.rules)) for name, table in knowledge.tables.items()]
    items += [TableSummary(name, "nothing: a catalogue", len(found)) for name, found in knowledge.entries.items()]
    items.append(TableSummary("facts", "vocabulary", len(knowledge.vocabulary)))
    return TableList(rules.revision, [*items, TableSummary("lint", "findings", len(rule_ids()))])


def table(rules: RuleFiles, name: str) -> TableView:
    """One table.

    Raises:
        TuneGateError: `not_found` with the nearest name.
    """
    knowledge = load_knowledge(rules)
    if name == "facts":
        return TableView(name, [_fact_view(knowledge, fact) for fact in knowledge.vocabulary], "vocabulary")
    if name == "lint":
        views = [RuleView(code, None, {}, "finding", title_of(code), [], "") for code in rule_ids()]
        return TableView(name, views, "findings")
    if name in knowledge.entries:
        rows = [_entry_view(entry) for entry in knowledge.entries[name].values()]
        return TableView(name, rows, sources=_sources(knowledge, rows))
    if name not in knowledge.tables:
        names = [*knowledge.tables, *knowledge.entries, "facts", "lint"]
        hint = suggestion(name, names)
        raise TuneGateError("not_found", "No such table.", remedy=f"{hint} Tables: {', '.join(names)}.".strip())
    found = knowledge.tables[name]
    rows = [_view(rule) for rule in found.rules]
    return TableView(name, rows, found.head.decides, found.head.hit, found.head.editions, _sources(knowledge, rows))


def problems(rules: RuleFiles, today: date | None) -> list[str]:
    """What the audit finds: gaps, overlaps, unreachable or redundant rows, what is unused, untold or late."""
    named = {example.rule for example in load_examples(rules)}
    return audit(load_knowledge(rules), examples=named, today=today)


def grid(view: TableView) -> str:
    """A table as a Markdown grid."""
    rows = ["| id | when | then | why |", "|---|---|---|---|"]
    for rule in view.rules:
        when = ", ".join(f"{name} {test}" for name, test in rule.when.items()) or "always"
        then = rule.then
        if isinstance(then, dict):
            then = ", ".join(f"{name} {value}" for name, value in then.items())
        shown = f"{rule.id} ({rule.edition})" if rule.edition else rule.id
        severity = f"{rule.severity}: " if rule.severity else ""
        rows.append(f"| {shown} | {cell(when)} | {severity}{cell(str(then))} | {cell(rule.why)} |")
    return "\n".join(rows)


def _sources(knowledge: Knowledge, rows: list[RuleView]) -> dict[str, str]:
    keys = dict.fromkeys(key for row in rows for key in row.cite)
    return {key: f"{knowledge.sources[key].title} ({knowledge.sources[key].where})" for key in keys}


def _view(rule: Rule) -> RuleView:
    row = rule.row
    when = {name: str(test) for name, test in row.when.items()}
    return RuleView(row.id, row.edition, when, row.then, row.why, row.cite, row.review_by.isoformat(), row.severity)


def _entry_view(entry: Entry) -> RuleView:
    why, due = f"{entry.title}: {entry.why}", entry.review_by.isoformat()
    return RuleView(entry.id, None, {}, entry.name, why, entry.cite, due)


def _fact_view(knowledge: Knowledge, name: str) -> RuleView:
    kind = knowledge.vocabulary[name]
    how = f" Measured by: {kind.measured_by}." if kind.measured_by else ""
    return RuleView(name, None, {}, domain(kind), f"{kind.ask}{how}", [], "")
