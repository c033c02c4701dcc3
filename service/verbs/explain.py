"""explain: one rule, check, fact, model or catalogue row: what, why, an example, its sources."""

from __future__ import annotations

import msgspec

from service.advisor.catalogue import Entry
from service.advisor.examples import Example, load_examples
from service.advisor.knowledge import Knowledge, load_knowledge
from service.advisor.models import BaseModel
from service.advisor.tables import Rule
from service.advisor.vocabulary import FactKind, domain
from service.data import RuleFiles
from service.errors import TuneGateError, suggestion
from service.evaluate.drift.rules import drift_page, drift_rules
from service.lint.catalogue import explain as explain_check
from service.lint.catalogue import rule_ids, title_of
from service.privacy.entities import EntityTable, entity_table
from service.privacy.recognizers.secret_rules import SecretRule, secret_rules
from service.synth.rulebook import reasons, templates
from service.verbs.advising.filled import filled, said
from service.verbs.rendering.pages import html_document


class Page(msgspec.Struct, frozen=True):
    """One id explained in Markdown."""

    id: str
    title: str
    markdown: str


def page(rules: RuleFiles, identifier: str) -> Page:
    """The page of an id; the case of letters does not matter.

    Raises:
        TuneGateError: `unknown_id` with the nearest id.
    """
    code = identifier.upper()
    check = explain_check(code)
    if check is not None:
        return Page(code, title_of(code), check)
    secrets, kinds = secret_rules(rules), entity_table(rules)
    if code in secrets:
        return Page(code, secrets[code].title, _secret(secrets[code], kinds))
    if (rule_id := kinds.named_rule(code)) is not None and (named := explain_check(rule_id)) is not None:
        return Page(rule_id, title_of(rule_id), named)
    written = _of_synthesis(rules) | _of_drift(rules)
    if code in written:
        return written[code]
    knowledge = load_knowledge(rules)
    if code in knowledge.rules:
        name, rule = knowledge.rules[code]
        return Page(code, filled(rule.row.why, {}), _rule(knowledge, name, rule, _example(rules, code)))
    name = identifier.lower()
    for entry in _entries(knowledge):
        names = [entry.id.lower(), entry.name.lower(), *(alias.lower() for alias in entry.aliases)]
        if name in names:
            return Page(entry.id, entry.title, _entry(knowledge, entry))
    if name in knowledge.vocabulary:
        return Page(name, knowledge.vocabulary[name].ask, _fact(knowledge, knowledge.vocabulary[name]))
    if name in knowledge.models.cards:
        return Page(name, knowledge.models.cards[name].title, _model(knowledge, knowledge.models.cards[name]))
    known = [*knowledge.rules, *rule_ids(), *secrets, *written, *kinds.named]
    known += [entry.id for entry in _entries(knowledge)]
    words = [*(entry.name for entry in _entries(knowledge)), *knowledge.vocabulary, *knowledge.models.cards]
    hint = suggestion(code, known) or suggestion(name, words)
    raise TuneGateError(
        "unknown_id",
        f"No lint check, rule, fact, technique, platform, model or secret is called {identifier[:80]!r}.",
        remedy=f"{hint} tunegate rules show names the tables that list them.".strip(),
    )


def html_page(explained: Page) -> str:
    """The page as HTML that needs nothing else."""
    return html_document(f"{explained.id} {explained.title}", explained.markdown)


def _entries(knowledge: Knowledge) -> list[Entry]:
    return [entry for found in knowledge.entries.values() for entry in found.values()]


def _of_drift(rules: RuleFiles) -> dict[str, Page]:
    return {one.id: Page(one.id, one.title, drift_page(one)) for one in drift_rules(rules).rule}


def _of_synthesis(rules: RuleFiles) -> dict[str, Page]:
    """The pages of why a reply of a model becomes no row, and of how rows are asked for."""
    pages = {}
    for one in reasons(rules).values():
        lines = [f"# {one.id} {one.title}", one.why, "", "## What to do", one.remedy]
        lines += ["", "## References", f"{one.source}.", ""]
        pages[one.id] = Page(one.id, one.title, "\n".join(lines))
    for template in templates(rules).template:
        title = f"How a row of type {template.type} is asked for, from {template.of}"
        asked = "\n".join(f"> {line}" for line in template.ask.splitlines())
        lines = [f"# {template.id} {title}", asked, "", "## References", f"{template.source}; read {template.read_on}."]
        pages[template.id] = Page(template.id, title, "\n".join([*lines, ""]))
    return pages


def _example(rules: RuleFiles, identifier: str) -> Example | None:
    """The first worked example that names the rule; the tests run every one of them."""
    return next((one for one in load_examples(rules) if one.rule == identifier), None)


def _rule(knowledge: Knowledge, name: str, rule: Rule, example: Example | None) -> str:
    then = rule.row.then
    shown = ", ".join(f"{key} {value}" for key, value in then.items()) if isinstance(then, dict) else filled(then, {})
    edition = f", edition {rule.row.edition}" if rule.row.edition else ""
    lines = [
        f"# {rule.id}",
        filled(rule.row.why, {}),
        "",
        f"Table `{name}` decides {knowledge.tables[name].head.decides}{edition}.",
    ]
    lines += ["", "## When", *([f"- `{fact}`: {cell.text}" for fact, cell in rule.cells.items()] or ["- always"])]
    lines += ["", "## Then", f"{rule.row.severity}: {shown}" if rule.row.severity else str(shown)]
    if example is not None:
        facts = {**example.facts, **example.measured}
        lines += ["", "## Example", example.says, "", *(f"- `{fact}` = {said(value)}" for fact, value in facts.items())]
        edition = f" under edition {example.edition}" if example.edition else ""
        gives = "are refused" if example.refused else f"give {', '.join(map(str, example.answer.values()))}"
        lines += ["", f"These facts {gives}{edition}."]
    return "\n".join([*lines, *_sources(knowledge, rule.row.cite), "", f"Review by {rule.row.review_by}.", ""])


def _entry(knowledge: Knowledge, entry: Entry) -> str:
    lines = [f"# {entry.title}", entry.why, ""]
    lines += [f"Also known as {', '.join(entry.aliases)}.", ""] if entry.aliases else []
    for name, value in entry.details.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else said(value)
        lines.append(f"- {name.replace('_', ' ')}: {shown}")
    return "\n".join([*lines, *_sources(knowledge, entry.cite), "", f"{entry.id}, review by {entry.review_by}.", ""])


def _fact(knowledge: Knowledge, kind: FactKind) -> str:
    lines = [f"# {kind.name}", kind.ask, "", f"Allowed: {domain(kind)}."]
    lines += [f"- `{value}`: {meaning}" for value, meaning in kind.meaning.items()]
    if kind.measured_by:
        lines += ["", f"Measured by: {kind.measured_by}."]
    used = [rule.id for _, rule in knowledge.rules.values() if kind.name in rule.cells]
    return "\n".join([*lines, "", f"Tested by {', '.join(used)}." if used else "No rule tests it.", ""])


def _secret(rule: SecretRule, kinds: EntityTable) -> str:
    lines = [
        f"# {rule.id} {rule.title}",
        f"Shape: {rule.shape}.",
        *("", "## Why it matters", rule.why, "", "## What to do", rule.rotate),
        *("", "## How it is found", f"Rule {kinds.rule_of(rule.id)} names it in a lint report."),
    ]
    if rule.context:
        lines.append(f"A word nearby makes it surer: {', '.join(rule.context)}.")
    return "\n".join([*lines, "", "## References", f"{rule.source}; read {rule.read_on}.", ""])


def _model(knowledge: Knowledge, card: BaseModel) -> str:
    lines = [f"# {card.title}", card.why, ""]
    for name, value in msgspec.to_builtins(card).items():
        if value not in (None, []) and name not in {"id", "title", "why"}:
            lines.append(f"- {name.replace('_', ' ')}: {said(value)}")
    lines += ["", "## Where it can be tuned"]
    for row in (row for row in knowledge.models.tunable if row.model == card.id):
        dates = (("new customers", row.until_new), ("existing ones", row.until_existing))
        until = "".join(f", {who} until {day}" for who, day in dates if day)
        lines.append(f"- {row.target}: {', '.join(row.methods) or 'methods not stated'}{until} (as of {row.as_of})")
    lines += ["- local, azure-ml: open weights, with our own trainer"] if card.open_weights else []
    return "\n".join([*lines, ""])


def _sources(knowledge: Knowledge, cite: list[str]) -> list[str]:
    lines = ["", "## Sources"]
    for key in cite:
        source = knowledge.sources[key]
        lines.append(f"- {source.title} ({source.where})" + (f"; {source.checked}" if source.checked else ""))
    return lines
