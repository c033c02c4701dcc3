"""rules schema: what an editor needs to check a decision table while it is written, and the index of lint checks."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from service.advisor.knowledge import load_knowledge
from service.advisor.vocabulary import FactKind, domain
from service.data import RuleFiles
from service.lint.catalogue import INDEX, indexed

# from the root of the checkout
CHECKS_INDEX = f"service/lint/{INDEX}"
_NUMBER = r"-?\d+(\.\d+)?"
_COMPARISON = rf"(<=|>=|<|>|=) *{_NUMBER}"
_INTERVAL = rf"[\[(] *{_NUMBER} *\.\. *{_NUMBER} *[\])]"


def table_schema(rules: RuleFiles) -> dict[str, Any]:
    """JSON Schema of a table file; draft 4, the newest that editors' TOML plug-ins agree on."""
    knowledge = load_knowledge(rules)
    testable = [kind for kind in knowledge.vocabulary.values() if kind.type not in {"text", "date"}]
    text, names = {"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}
    when = {
        "type": "object",
        "properties": {kind.name: _cell(kind) for kind in testable},
        "additionalProperties": False,
    }
    rule = {
        "type": "object",
        "required": ["id", "when", "then", "why", "cite", "review-by"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{3}$"},
            "when": when,
            "then": {"type": ["string", "object"]},
            "why": text,
            "cite": {"type": "array", "minItems": 1, "items": {"enum": sorted(knowledge.sources)}},
            "review-by": {},
            "edition": text,
            "severity": {"enum": ["high", "medium", "low"]},
        },
    }
    head = {
        "type": "object",
        "required": ["id", "hit", "decides"],
        "additionalProperties": False,
        "properties": {
            "id": text,
            "hit": {"enum": ["first", "unique", "collect"]},
            "decides": text,
            "complete": {"type": "boolean"},
            "each": {"enum": [kind.name for kind in testable if kind.type == "list"]},
            "editions": names,
            "answers": names,
            "retired": names,
        },
    }
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "A decision table of tunegate",
        "type": "object",
        "required": ["table", "rule"],
        "additionalProperties": False,
        "properties": {"table": head, "rule": {"type": "array", "items": rule}},
    }


def _cell(kind: FactKind) -> dict[str, Any]:
    said = {"description": f"{kind.ask} {domain(kind)}"}
    if kind.type == "flag":
        return {**said, "enum": ["yes", "no"]}
    if kind.type == "number":
        return {**said, "type": "string", "pattern": f"^({_COMPARISON}|{_INTERVAL})$"}
    one = "|".join(re.escape(value) for value in kind.values)
    return {**said, "type": "string", "pattern": rf"^(not )?({one})( \| ({one}))*$"}


def checks_index() -> list[dict[str, Any]]:
    """What the linter must know of every check before it is asked."""
    found: list[dict[str, Any]] = msgspec.to_builtins(indexed())
    return found
