"""Which kind of personal data an entity is, and which lint rule names it: rules/privacy/entities.toml."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError

FILE = "privacy/entities.toml"
_SECRETS = "SECRET_"
OTHER_RULE, RESERVED_RULE, SECRET_RULE, CARRIED_RULE, OFF = "P039", "P013", "S001", "S002", "off"


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of personal data; `memorised` says that it counts where a model may learn it by heart."""

    rule: str
    title: str
    entities: tuple[str, ...]
    memorised: bool = True


class EntityTable(msgspec.Struct, frozen=True, dict=True):
    """Every kind, and what an entity that none of them names belongs to."""

    kinds: tuple[Kind, ...]

    @cached_property
    def _by_entity(self) -> dict[str, Kind]:
        return {entity: kind for kind in self.kinds for entity in kind.entities}

    def rule_of(self, entity: str) -> str | None:
        """The rule that names a finding of an entity; None where it is no personal data."""
        kind = self._by_entity.get(entity)
        if kind is None:
            return SECRET_RULE if entity.startswith(_SECRETS) else OTHER_RULE
        return None if kind.rule == OFF else kind.rule

    @property
    def named(self) -> list[str]:
        """The entities that stand in the table."""
        return list(self._by_entity)

    def named_rule(self, entity: str) -> str | None:
        """The rule of an entity of the table, None for any other."""
        return self.rule_of(entity) if entity in self._by_entity else None

    @property
    def off(self) -> frozenset[str]:
        """The entities that are no personal data by themselves."""
        return frozenset(entity for kind in self.kinds if kind.rule == OFF for entity in kind.entities)

    def memorised(self, entity: str) -> bool:
        """Whether it counts that a model may learn it by heart."""
        kind = self._by_entity.get(entity)
        return kind is None or kind.memorised

    def title_of(self, rule: str) -> str:
        """What messages call the findings of a rule."""
        return self._titles.get(rule, "secret" if rule.startswith("S") else "personal value")

    @cached_property
    def _titles(self) -> dict[str, str]:
        return {kind.rule: kind.title for kind in self.kinds}


@lru_cache(maxsize=4)
def entity_table(rules: RuleFiles) -> EntityTable:
    """The table of some rule files.

    Raises:
        TuneGateError: `invalid_rules`.
    """
    try:
        kinds = msgspec.toml.decode(rules.read(FILE), type=dict[str, tuple[Kind, ...]]).get("kind", ())
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error
    if twice := sorted(set(_twice(kinds))):
        raise TuneGateError("invalid_rules", f"{FILE}: {', '.join(twice)} stand(s) in two kinds.")
    return EntityTable(kinds)


def _twice(kinds: tuple[Kind, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for kind in kinds:
        for entity in kind.entities:
            if entity in seen:
                yield entity
            seen.add(entity)
