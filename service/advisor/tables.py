"""Decision tables: typed rows with their cells read, and the pieces that their cells can tell apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cached_property
from string import Formatter
from typing import Any, Literal

import msgspec

from service.advisor import rulefile
from service.advisor.boxes import Box
from service.advisor.catalogue import check_citations
from service.advisor.cells import Cell, CellError, parse_cell
from service.advisor.pieces import Piece, pieces
from service.advisor.vocabulary import Vocabulary
from service.errors import ErrorItem, suggestion
from service.records.decision import FactValue

_ID = re.compile(r"[A-Z]{3}-\d{3}")


class TableHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table decides and how its rows are read.

    `each` names a list fact whose items are matched one by one; `retired` ids are never used again.
    """

    id: str
    hit: Literal["first", "unique", "collect"]
    decides: str
    complete: bool = False
    each: str | None = None
    editions: list[str] = []
    answers: list[str] = []
    retired: list[str] = []


class RuleRow(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A row as written; `severity` is for cautions."""

    id: str
    when: dict[str, Any]
    then: str | dict[str, str]
    why: str
    cite: list[str]
    review_by: date
    edition: str | None = None
    severity: Literal["high", "medium", "low"] | None = None


class Rule(msgspec.Struct, frozen=True):
    """A row with its cells read; `tests` holds the same cells as plain callables."""

    row: RuleRow
    cells: dict[str, Cell]
    tests: tuple[tuple[str, Callable[[FactValue], bool]], ...]
    then: str

    @property
    def id(self) -> str:
        return self.row.id


def make_rule(row: RuleRow, cells: dict[str, Cell]) -> Rule:
    """A rule whose tests are ready to run."""
    return Rule(row, cells, tuple((name, cell.test()) for name, cell in cells.items()), str(row.then))


class Table:
    """Rows in order; pieces and boxes are worked out when first needed."""

    def __init__(self, head: TableHead, rules: Sequence[Rule], vocabulary: Vocabulary) -> None:
        self.head = head
        self.rules = tuple(rules)
        self.vocabulary = vocabulary

    @cached_property
    def axes(self) -> dict[str, list[Piece]]:
        """Fact -> its pieces over every cell of the table."""
        names = dict.fromkeys(name for rule in self.rules for name in rule.cells)
        found = {name: pieces(self.vocabulary[name], self.cells_of(name)) for name in names}
        if self.head.each in found:
            found[self.head.each] = [Piece([value]) for value in self.vocabulary[self.head.each].values]
        return found

    @cached_property
    def boxes(self) -> dict[str, Box]:
        """Rule id -> the pieces that each of its cells accepts."""
        return {rule.id: {name: self._accepted(name, cell) for name, cell in rule.cells.items()} for rule in self.rules}

    def whole(self, names: Sequence[str]) -> Box:
        """The full domain of some facts."""
        return {name: self._domains[name] for name in names}

    @cached_property
    def _domains(self) -> Box:
        return {name: frozenset(range(len(axis))) for name, axis in self.axes.items()}

    def cells_of(self, name: str) -> list[Cell]:
        """Every cell that tests a fact."""
        return [rule.cells[name] for rule in self.rules if name in rule.cells]

    def edition(self, name: str) -> Table:
        """The rows of one edition and of all editions."""
        return Table(self.head, [rule for rule in self.rules if rule.row.edition in {None, name}], self.vocabulary)

    def _accepted(self, name: str, cell: Cell) -> frozenset[int]:
        return frozenset(i for i, piece in enumerate(self.axes[name]) if cell.accepts(piece.value))


def load_table(
    name: str, content: bytes, vocabulary: Vocabulary, sources: Mapping[str, object], errors: list[ErrorItem]
) -> Table | None:
    """One table; None, and every mistake in `errors`, when it cannot be used."""
    file, before = f"{name}.toml", len(errors)
    raw = rulefile.parse(file, content, errors)
    if len(errors) > before:
        return None
    rulefile.unknown_keys(file, raw, ("table", "rule"), errors)
    head = rulefile.convert(f"{file}: [table]", raw.get("table", {}), TableHead, errors)
    found: list[Rule] = []
    for where, one in rulefile.rows(file, raw, "rule", errors):
        # an unquoted dotted name arrives as a nested table; the cell parser says how to quote it
        row = rulefile.convert(where, one, RuleRow, errors)
        cells = _cells(where, one.get("when", {}), vocabulary, errors)
        if isinstance(one.get("cite"), list):
            check_citations(where, [key for key in one["cite"] if isinstance(key, str)], sources, errors)
        if row is not None and head is not None:
            _check_row(where, row, head, errors)
            found.append(make_rule(row, cells))
    _check_ids(file, [rule.row for rule in found], errors)
    if head is None or len(errors) > before:
        return None
    return Table(head, found, vocabulary)


def _check_row(where: str, row: RuleRow, head: TableHead, errors: list[ErrorItem]) -> None:
    if not row.why.strip():
        errors.append(ErrorItem(where, "an empty `why`", "the reason in a sentence"))
    if not _ID.fullmatch(row.id):
        errors.append(ErrorItem(where, f"id {row.id!r}", "three capitals, a hyphen, three digits: ESC-060"))
    if row.id in head.retired:
        errors.append(ErrorItem(where, "a retired id", "ids are never used again", "Take a new number."))
    if head.answers and row.then not in head.answers:
        hint = suggestion(str(row.then), head.answers)
        errors.append(ErrorItem(where, f"then = {row.then!r}", ", ".join(head.answers), hint or None))
    if row.edition is not None and row.edition not in head.editions:
        hint = suggestion(row.edition, head.editions)
        errors.append(ErrorItem(where, f"edition {row.edition!r}", ", ".join(head.editions) or "none", hint or None))
    for text in (row.why, *([row.then] if isinstance(row.then, str) else [])):
        for name in _placeholders(text):
            if name not in row.when:
                allowed = ", ".join(row.when) or "no fact: the row tests none"
                errors.append(ErrorItem(where, f"{{{name}}} in a text", allowed, "Only facts of `when` can be shown."))


def _placeholders(text: str) -> list[str]:
    try:
        return [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError:
        return ["{"]


def _check_ids(file: str, found: list[RuleRow], errors: list[ErrorItem]) -> None:
    seen: set[str] = set()
    for row in found:
        if row.id in seen:
            errors.append(ErrorItem(f"{file}: {row.id}", "an id used twice", "ids are unique and permanent"))
        seen.add(row.id)


def _cells(where: str, when: object, vocabulary: Vocabulary, errors: list[ErrorItem]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for name, text in when.items() if isinstance(when, dict) else ():
        kind = vocabulary.get(name)
        if kind is None and isinstance(text, dict):
            inner = next(iter(text), "")
            errors.append(ErrorItem(where, f"{name} is a table", "a fact", f'Quote the name: "{name}.{inner}" = "..."'))
        elif kind is None:
            hint = suggestion(name, vocabulary)
            errors.append(ErrorItem(where, f"no fact named {name!r}", "a fact of facts.toml", hint or None))
        else:
            try:
                cells[name] = parse_cell(text, kind)
            except CellError as error:
                errors.append(ErrorItem(where, str(error)))
    return cells
