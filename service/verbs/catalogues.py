"""catalogues: launch targets, techniques, platforms, hyper-parameters: what can be chosen from."""

from __future__ import annotations

from typing import Any

import msgspec

from service.advisor.knowledge import load_knowledge
from service.data import RuleFiles
from service.launch.targets.capabilities import capabilities
from service.lint.profile import load_profiles
from service.records.decision import TARGETS


class CatalogueItem(msgspec.Struct, frozen=True):
    """One choice; `details` differ per catalogue."""

    id: str
    title: str
    details: dict[str, Any]
    rule: str | None = None
    why: str | None = None
    cite: list[str] = []
    aliases: list[str] = []
    review_by: str | None = None


class Catalogue(msgspec.Struct, frozen=True):
    items: list[CatalogueItem]
    next: str | None = None


def targets(rules: RuleFiles) -> Catalogue:
    """Launch targets with what each can do and its tunable models, and lint targets with their limits."""
    lint = {profile.id: profile for profile in load_profiles(rules)}
    tunable = load_knowledge(rules).models.tunable
    items = []
    rows = capabilities(rules)
    for name in sorted({*TARGETS, *lint}):
        profile, row = lint.get(name), rows.get(name)
        limits = {key: msgspec.to_builtins(limit) for key, limit in profile.limits.items()} if profile else {}
        details = {
            "lint": profile is not None,
            "launch": row is not None and row.built,
            "limits": limits,
            "techniques": row.techniques if row is not None and row.built else [],
            "capabilities": msgspec.to_builtins(row) if row is not None else None,
            "models": [row.model for row in tunable if row.target == name],
        }
        items.append(CatalogueItem(name, row.title if row else profile.title if profile else name, details))
    return Catalogue(items)


def techniques(rules: RuleFiles) -> Catalogue:
    """The glossary: techniques, sharding, and the steps before them."""
    return _entries(rules, "glossary")


def platforms(rules: RuleFiles) -> Catalogue:
    """Service models, platforms, infrastructure and tools, as the sources name them."""
    return _entries(rules, "platforms")


def _entries(rules: RuleFiles, name: str) -> Catalogue:
    return Catalogue(
        [
            CatalogueItem(
                entry.name,
                entry.title,
                entry.details,
                entry.id,
                entry.why,
                entry.cite,
                entry.aliases,
                entry.review_by.isoformat(),
            )
            for entry in load_knowledge(rules).entries[name].values()
        ]
    )
