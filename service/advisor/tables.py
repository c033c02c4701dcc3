"""Decision tables: read from TOML with every error of a file at once."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec

from service.advisor.cells import Cell, CellError, parse_cell
from service.advisor.vocabulary import Vocabulary
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion

TABLES = ("escalation", "scenarios", "target", "technique", "cautions")


class TableHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table decides and how its rows are read."""

    id: str
    hit: Literal["first", "unique", "collect"]
    decides: str
    complete: bool = False
    editions: list[str] = []


class RuleRow(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A row as written."""

    id: str
    when: dict[str, Any]
    then: str | dict[str, str]
    why: str
    cite: list[str]
    review_by: date
    edition: str | None = None


class Rule(msgspec.Struct, frozen=True):
    """A row with its cells read."""

    row: RuleRow
    cells: dict[str, Cell]

    @property
    def id(self) -> str:
        return self.row.id


class Table(msgspec.Struct, frozen=True):
    head: TableHead
    rules: list[Rule]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    where: str


class Knowledge(msgspec.Struct, frozen=True):
    """Everything the advisor knows, read once."""

    revision: str
    vocabulary: Vocabulary
    tables: dict[str, Table]
    sources: dict[str, Source]

    @property
    def rules(self) -> dict[str, tuple[str, Rule]]:
        """Rule id -> (table id, rule)."""
        return {rule.id: (name, rule) for name, table in self.tables.items() for rule in table.rules}


def load_table(name: str, content: bytes, vocabulary: Vocabulary, sources: dict[str, Source]) -> Table:
    """One table.

    Raises:
        TuneGateError: `invalid_rules` with one item per broken rule.
    """
    file = f"{name}.toml"
    try:
        raw = msgspec.toml.decode(content)
        head = msgspec.convert(raw.get("table"), TableHead)
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"{file}: {error}.") from error
    errors: list[ErrorItem] = []
    rules: list[Rule] = []
    for number, one in enumerate(raw.get("rule", []), 1):
        identifier = one.get("id", f"rule {number}") if isinstance(one, dict) else f"rule {number}"
        try:
            row = msgspec.convert(one, RuleRow)
        except msgspec.ValidationError as error:
            errors.append(ErrorItem(f"{file}: {identifier}", str(error)))
            continue
        errors += _row_errors(file, row, sources, [rule.id for rule in rules])
        cells = _cells(file, row, vocabulary, errors)
        rules.append(Rule(row, cells))
    if errors:
        raise TuneGateError("invalid_rules", f"{file}: {len(errors)} error(s).", errors=errors)
    return Table(head, rules)


def load_sources(rules: RuleFiles) -> dict[str, Source]:
    """Every source by key."""
    try:
        return msgspec.toml.decode(rules.read("sources.toml"), type=dict[str, Source])
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"sources.toml: {error}.") from error


def _row_errors(file: str, row: RuleRow, sources: dict[str, Source], earlier: list[str]) -> list[ErrorItem]:
    where = f"{file}: {row.id}"
    errors = [
        ErrorItem(where, f"cite {key!r}", "a key of sources.toml", suggestion(key, sources) or None)
        for key in row.cite
        if key not in sources
    ]
    if not row.cite:
        errors.append(ErrorItem(where, "cite = []", "at least one source"))
    if not row.why.strip():
        errors.append(ErrorItem(where, "an empty `why`", "the reason in a sentence"))
    if row.id in earlier:
        errors.append(ErrorItem(where, "an id used twice", "ids are unique and permanent"))
    return errors


def _cells(file: str, row: RuleRow, vocabulary: Vocabulary, errors: list[ErrorItem]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for name, text in row.when.items():
        kind = vocabulary.get(name)
        if kind is None:
            hint = suggestion(name, vocabulary) or 'Quote names with dots: "gap.kind".'
            errors.append(ErrorItem(f"{file}: {row.id}", f"no fact named {name!r}", None, hint))
            continue
        try:
            cells[name] = parse_cell(text, kind)
        except CellError as error:
            errors.append(ErrorItem(f"{file}: {row.id}", str(error)))
    return cells
