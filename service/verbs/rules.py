"""rules: the rule files themselves, one rule explained, the catalogues, and what an audit finds."""

from __future__ import annotations

import html
from datetime import date
from typing import Any

import msgspec

from service.advisor.audit import audit
from service.advisor.tables import Knowledge, Rule, Table
from service.advisor.vocabulary import domain
from service.data import RuleFiles
from service.errors import TuneGateError, suggestion
from service.launch.plan import LAUNCHABLE
from service.lint.catalogue import explain as explain_check
from service.lint.catalogue import rule_ids, title_of
from service.lint.profile import load_profiles
from service.records.decision import TARGETS
from service.verbs.advise import load_knowledge


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


class TableView(msgspec.Struct, frozen=True):
    name: str
    rules: list[RuleView]


class Page(msgspec.Struct, frozen=True):
    """One rule explained in Markdown."""

    id: str
    title: str
    markdown: str


class CatalogueItem(msgspec.Struct, frozen=True):
    id: str
    title: str
    details: dict[str, Any]


class Catalogue(msgspec.Struct, frozen=True):
    items: list[CatalogueItem]
    next: str | None = None


def list_tables(rules: RuleFiles) -> TableList:
    """The decision tables, the facts and the lint checks."""
    knowledge = load_knowledge(rules)
    items = [TableSummary(name, table.head.decides, len(table.rules)) for name, table in knowledge.tables.items()]
    items.append(TableSummary("facts", "vocabulary", len(knowledge.vocabulary)))
    return TableList(rules.revision, [*items, TableSummary("lint", "findings", len(rule_ids()))])


def table(rules: RuleFiles, name: str) -> TableView:
    """One table.

    Raises:
        TuneGateError: `not_found` with the nearest name.
    """
    knowledge = load_knowledge(rules)
    if name == "facts":
        return TableView(name, [_fact_view(knowledge, fact) for fact in knowledge.vocabulary])
    if name == "lint":
        views = [RuleView(code, None, {}, "finding", title_of(code), [], "") for code in rule_ids()]
        return TableView(name, views)
    if name not in knowledge.tables:
        names = [*knowledge.tables, "facts", "lint"]
        hint = suggestion(name, names)
        raise TuneGateError("not_found", f"No table {name!r}.", remedy=f"{hint} Tables: {', '.join(names)}.".strip())
    return TableView(name, [_view(rule) for rule in knowledge.tables[name].rules])


def page(rules: RuleFiles, identifier: str) -> Page:
    """One decision rule or lint check explained.

    Raises:
        TuneGateError: `unknown_id` with the nearest id.
    """
    check = explain_check(identifier)
    if check is not None:
        return Page(identifier, title_of(identifier), check)
    knowledge = load_knowledge(rules)
    known = knowledge.rules
    if identifier not in known:
        hint = suggestion(identifier.upper(), [*known, *rule_ids()])
        raise TuneGateError(
            "unknown_id",
            f"No rule {identifier!r}.",
            remedy=f"{hint} tunegate rules show lists the tables.".strip(),
        )
    name, rule = known[identifier]
    return Page(identifier, rule.row.why, _markdown(knowledge, name, rule))


def html_page(explained: Page) -> str:
    """A plain page around the Markdown, readable without a stylesheet."""
    title, body = html.escape(f"{explained.id} {explained.title}"), html.escape(explained.markdown)
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><pre>{body}</pre></html>'


def problems(rules: RuleFiles, today: date) -> list[str]:
    """What the audit finds: gaps, overlaps, unreachable rows, unused sources, reviews that are due."""
    return audit(load_knowledge(rules), today)


def grid(view: TableView) -> str:
    """A table as a Markdown grid."""
    rows = ["| id | when | then | why |", "|---|---|---|---|"]
    for rule in view.rules:
        when = ", ".join(f"{name} {cell}" for name, cell in rule.when.items()) or "always"
        then = rule.then
        if isinstance(then, dict):
            then = ", ".join(f"{name} {value}" for name, value in then.items())
        edition = f" ({rule.edition})" if rule.edition else ""
        rows.append(f"| {rule.id}{edition} | {when} | {then} | {rule.why} |".replace(" | |", "  |"))
    return "\n".join(rows)


def targets(rules: RuleFiles) -> Catalogue:
    """Launch targets with their techniques, and lint targets with their limits."""
    lint = {profile.id: profile for profile in load_profiles(rules)}
    items = []
    for name in sorted({*TARGETS, *lint}):
        profile = lint.get(name)
        limits = {key: msgspec.to_builtins(limit) for key, limit in profile.limits.items()} if profile else {}
        details = {"lint": profile is not None, "launch": name in LAUNCHABLE, "limits": limits}
        details["techniques"] = list(LAUNCHABLE.get(name, ()))
        items.append(CatalogueItem(name, profile.title if profile else name, details))
    return Catalogue(items)


def techniques(rules: RuleFiles) -> Catalogue:
    """The glossary."""
    return _catalogue(rules, "glossary.toml", "technique")


def platforms(rules: RuleFiles) -> Catalogue:
    """Platforms, infrastructure and tools."""
    return _catalogue(rules, "platforms.toml", "platform")


def _catalogue(rules: RuleFiles, file: str, key: str) -> Catalogue:
    rows: list[dict[str, Any]] = msgspec.toml.decode(rules.read(file))[key]
    items = []
    for row in rows:
        details = {name: value for name, value in row.items() if name not in {"id", "title"}}
        items.append(CatalogueItem(row["id"], row["title"], details))
    return Catalogue(items)


def _view(rule: Rule) -> RuleView:
    row = rule.row
    when = {name: str(cell) for name, cell in row.when.items()}
    return RuleView(row.id, row.edition, when, row.then, row.why, row.cite, row.review_by.isoformat())


def _fact_view(knowledge: Knowledge, name: str) -> RuleView:
    kind = knowledge.vocabulary[name]
    return RuleView(name, None, {}, domain(kind), kind.ask, [], "")


def _markdown(knowledge: Knowledge, name: str, rule: Rule) -> str:
    head: Table = knowledge.tables[name]
    then = rule.row.then
    shown = ", ".join(f"{key} {value}" for key, value in then.items()) if isinstance(then, dict) else then
    lines = [f"# {rule.id}", rule.row.why, "", f"Table `{name}` decides {head.head.decides}.", "", "## When"]
    lines += [f"- `{fact}` {cell.text}" for fact, cell in rule.cells.items()] or ["- always"]
    lines += ["", "## Then", shown, "", "## Sources"]
    lines += [f"- {knowledge.sources[key].title} ({knowledge.sources[key].where})" for key in rule.row.cite]
    return "\n".join([*lines, "", f"Review by {rule.row.review_by}.", ""])
