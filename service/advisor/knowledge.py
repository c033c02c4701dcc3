"""Everything the advisor knows: facts, sources, tables, editions; read once per revision, every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache

import msgspec

from service.advisor import rulefile
from service.advisor.catalogue import CATALOGUES, Entry, load_entries
from service.advisor.matrix import Matrix, lay_over
from service.advisor.models import Models, load_models
from service.advisor.pieces import Piece, pieces
from service.advisor.tables import Rule, Table, load_table
from service.advisor.translation import Translation, load_translation
from service.advisor.vocabulary import Vocabulary, load_vocabulary
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion

# in the order in which they decide
TABLES = ("escalation", "scenarios", "target", "conflicts", "technique", "reasons", "cautions")

# what the conflicts table answers in place of a target
CONFLICT = "conflict"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where knowledge comes from; `checked` says how far it was read."""

    title: str
    where: str
    checked: str | None = None


class Knowledge:
    """The rule files, read; immutable."""

    def __init__(
        self,
        revision: str,
        vocabulary: Vocabulary,
        tables: Mapping[str, Table],
        sources: Mapping[str, Source],
        entries: Mapping[str, Mapping[str, Entry]] | None = None,
        models: Models | None = None,
        translations: Mapping[str, Translation] | None = None,
    ) -> None:
        self.revision = revision
        self.vocabulary = vocabulary
        self.tables = dict(tables)
        self.sources = dict(sources)
        self.entries = dict(entries or {})
        self.models = models or Models({}, [])
        self.translations = dict(translations or {})

    @property
    def editions(self) -> list[str]:
        """The editions of the scenario matrix, the default first."""
        return self.tables["scenarios"].head.editions

    @cached_property
    def matrices(self) -> dict[str, Matrix]:
        """Edition -> its matrix, laid over the technique table."""
        scenarios, technique = self.tables["scenarios"], self.tables["technique"]
        return {edition: lay_over(scenarios, technique, edition) for edition in self.editions}

    def targeting(self, facts: Mapping[str, object] | None = None) -> Table:
        """The target table with the contradictions before it: facts that no target satisfies have no target.

        A contradiction over a fact that no target row tests counts once the fact is stated: nobody is asked for it.
        Without `facts` every contradiction is in.
        """
        rules = self.tables["conflicts"].rules
        included = tuple(
            rule.id for rule in rules if facts is None or all(name in facts for name in self._beside_target[rule.id])
        )
        if included not in self._targeting:
            before = [Rule(rule.row, rule.cells, rule.tests, CONFLICT) for rule in rules if rule.id in included]
            target = self.tables["target"]
            self._targeting[included] = Table(target.head, [*before, *target.rules], self.vocabulary)
        return self._targeting[included]

    @cached_property
    def _targeting(self) -> dict[tuple[str, ...], Table]:
        return {}

    @cached_property
    def _beside_target(self) -> dict[str, list[str]]:
        """Conflict rule -> the facts it tests that people state and no target row tests."""
        tested = self.tables["target"].axes
        return {
            rule.id: [name for name in rule.cells if name not in tested and not self.vocabulary[name].derived]
            for rule in self.tables["conflicts"].rules
        }

    @cached_property
    def deciding_axes(self) -> dict[str, dict[str, list[Piece]]]:
        """Edition -> fact -> the pieces that the tables behind an answer can tell apart, all of them together."""
        return {edition: self._axes(matrix.technique) for edition, matrix in self.matrices.items()}

    def _axes(self, technique: Table) -> dict[str, list[Piece]]:
        tables = [self.tables["escalation"], self.targeting(), technique]
        names = dict.fromkeys(name for table in tables for rule in table.rules for name in rule.cells)
        return {
            name: pieces(self.vocabulary[name], [cell for table in tables for cell in table.cells_of(name)])
            for name in names
        }

    @cached_property
    def rules(self) -> dict[str, tuple[str, Rule]]:
        """Rule id -> (table id, rule)."""
        return {rule.id: (name, rule) for name, table in self.tables.items() for rule in table.rules}


@lru_cache(maxsize=4)
def load_knowledge(rules: RuleFiles) -> Knowledge:
    """Every table, fact, source, catalogue and translation.

    Raises:
        TuneGateError: `invalid_rules` with every mistake of every file.
    """
    errors: list[ErrorItem] = []
    _known_files(rules, errors)
    sources = _sources(rules, errors)
    vocabulary = load_vocabulary(rules.read("facts.toml"), errors)
    tables = {}
    for name in TABLES:
        table = load_table(name, rules.read(f"{name}.toml"), vocabulary, sources, errors)
        if table is not None:
            tables[name] = table
    entries = {name: load_entries(name, rules.read(f"{name}.toml"), sources, errors) for name in CATALOGUES}
    models = load_models(rules, sources, errors)
    _ids_across_files(tables, entries, errors)
    translations = {
        file.removeprefix("translations/").removesuffix(".toml"): load_translation(file, rules.read(file), errors)
        for file in rules.names("translations/")
    }
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the rule files.", errors=errors)
    return Knowledge(rules.revision, vocabulary, tables, sources, entries, models, translations)


def _sources(rules: RuleFiles, errors: list[ErrorItem]) -> dict[str, Source]:
    found = {}
    for key, row in rulefile.parse("sources.toml", rules.read("sources.toml"), errors).items():
        where = f"sources.toml: {key}"
        if not isinstance(row, dict):
            errors.append(ErrorItem(where, type(row).__name__, f"a table: [{key}] with title and where"))
            continue
        source = rulefile.convert(where, row, Source, errors)
        if source is not None:
            found[key] = source
    return found


def _known_files(rules: RuleFiles, errors: list[ErrorItem]) -> None:
    """A misnamed file of an own folder would otherwise silently change nothing."""
    for name in rules.names():
        if name not in rules.shipped and not name.startswith(("profiles/", "translations/")):
            hint = suggestion(name, rules.shipped)
            errors.append(ErrorItem(name, "a rule file that nothing reads", "the name of a shipped file", hint or None))


def _ids_across_files(
    tables: Mapping[str, Table], entries: Mapping[str, Mapping[str, Entry]], errors: list[ErrorItem]
) -> None:
    seen: dict[str, str] = {}
    ids = [(name, rule.id) for name, table in tables.items() for rule in table.rules]
    ids += [(name, entry.id) for name, found in entries.items() for entry in found.values()]
    for name, identifier in ids:
        if seen.setdefault(identifier, name) != name:
            errors.append(ErrorItem(f"{name}.toml: {identifier}", f"an id that {seen[identifier]}.toml uses", None))
