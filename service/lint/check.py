"""What a check is, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Literal

import msgspec

from service.lint.diversity import Diversity, DiversityLimits
from service.lint.languages import LanguageCounts
from service.records.lint_report import PersonalPlace, Severity

Scope = Literal["file", "line", "row", "corpus", "split"]
Fix = Literal["safe", "unsafe", "none"]
# what chat templates refuse or drop: turns of one role, an assistant first, a late system message, a second one
Refusal = Literal["turns", "assistant-first", "late-system", "several-systems"]
# checks of files, of preference rows, of safety and privacy read the whole row, the others its conversation
OF_WHOLE_ROWS = "FDSP"
# what a row shows (signs.py): keys that stand in it, and what of its messages is not as in most rows
Sign = Literal[
    "row", "no-row", "blank-line", "no-messages", "other-method", "messages", "top-key", "role", "developer", "legacy",
    "turns", "unanswered", "no-content", "blank", "content-type", "message-key", "stray-key", "name", "weight", "parts",
    "images", "tools", "calls", "results", "parallel-calls", "long",
]  # fmt: skip
COLUMNS = ("azure-openai", "openai", "azure-serverless", "trl")


class Hit(msgspec.Struct, frozen=True):
    """Where inside a row (JSON Pointer) and what was seen: role, type, length, count; never the text.

    `severity` is for the few checks that count a milder case less than the target's severity. `further` places have
    the same finding and are only counted; `path` is for findings of a corpus of several files, `personal` for the place
    that the privacy scan found.
    """

    message: str
    pointer: str | None = None
    line: int | None = None
    severity: Severity | None = None
    further: int = 0
    path: str | None = None
    personal: PersonalPlace | None = None


class Line(msgspec.Struct, frozen=True):
    """A line that is not plainly a clean row; `error` is why it is not JSON, `data` what it holds if it is.

    `number` counts from the start of the stretch that is read; `first` says that the file begins with the line,
    `piece` that it is part of a row that stands on several lines, or of an array, and the first such line.
    """

    raw: bytes
    number: int
    data: Any
    error: str | None
    first: bool = False
    piece: bool = False


class Row(msgspec.Struct, frozen=True, dict=True):
    """A decoded row for a target: `arguments` = what tool arguments must be.

    `model` is the named base model, empty when none was named; `tokens` is the length of the row.
    """

    data: dict[str, Any]
    arguments: str = "string"
    limits: dict[str, int] = {}
    method: str = "sft"
    model: str = ""
    tokens: int = 0

    @cached_property
    def messages(self) -> list[tuple[int, dict[str, Any]]]:
        """(index, message) of every message that is an object."""
        found = self.data.get("messages")
        return [(i, m) for i, m in enumerate(found) if isinstance(m, dict)] if isinstance(found, list) else []

    @cached_property
    def turns(self) -> list[tuple[int, dict[str, Any]]]:
        """Messages without the system's."""
        return [(i, m) for i, m in self.messages if m.get("role") not in ("system", "developer")]


class FileFacts(msgspec.Struct, frozen=True):
    """What is known of a whole file; `bom` is the byte-order mark's encoding or null.

    `spread` counts runs of lines that are pieces of rows, as of one that is printed over many lines.
    """

    name: str
    bytes: int
    rows: int
    bom: str | None
    encoding: str
    limits: dict[str, int]
    bom_policy: str
    crlf: int = 0
    spread: int = 0


class Place(msgspec.Struct, frozen=True):
    """A line of a file."""

    path: str
    line: int


class Pairs(msgspec.Struct, frozen=True):
    """Rows that an earlier one makes a finding: (row, earlier row) of the first ones, and how many there are.

    `alike` is how alike the two of each pair are, where that is estimated.
    """

    first: list[tuple[Place, Place]] = []
    total: int = 0
    alike: list[float] = []

    def hits(self, message: Callable[[str], str]) -> Iterator[Hit]:
        """A hit per row that is listed, the last one standing for all others; `message` is given the earlier row."""
        rest = self.total - len(self.first)
        for number, (row, earlier) in enumerate(self.first, 1):
            further = rest if number == len(self.first) else 0
            where = f"line {earlier.line}" if earlier.path == row.path else f"line {earlier.line} of {earlier.path}"
            about = f", about {self.alike[number - 1]:.2f} alike" if self.alike else ""
            yield Hit(message(where) + about, path=row.path, line=row.line, further=further)


class Retyped(msgspec.Struct, frozen=True):
    """A column (as JSON Pointer) whose rows were all of type `before`, until at `place` one is of type `now`."""

    column: str
    before: str
    now: str
    first: Place
    place: Place


class Repeated(msgspec.Struct, frozen=True):
    """A value that stands in `examples` rows, the first at `place`: what its rule calls it, and its mark."""

    title: str
    value: str
    examples: int
    place: Place


class PersonalFacts(msgspec.Struct, frozen=True):
    """What the privacy scan says of all training rows: how many it `looked_at`, how many of these hold something.

    `repeated` are the first of `repeated_total` values that stand in too many rows; `sampled` says that not all rows
    were to be looked at, `unavailable` names what was asked for and could not be scanned.
    """

    rows: int = 0
    looked_at: int = 0
    holding: int = 0
    repeated: list[Repeated] = []
    repeated_total: int = 0
    sampled: bool = False
    unavailable: list[str] = []


class CorpusFacts(msgspec.Struct, frozen=True):
    """What is known of all training rows together; lines are of the first file unless the path says otherwise.

    `label_sizes` are the sizes of the classes when the answers are few and short, `epochs` what the vendor's
    heuristic gives, `field_sets` and `references` how many sets of grader fields and of their values there are.
    `lengths` counts rows by tokens, `common_affixes` are the characters that all answers begin and end with,
    `system_heavy` counts rows whose system message outweighs the rest, `tool_sets` system messages that come with
    several lists of tools, `label_kinds` rows by the JSON type of their labels or tags, `retyped` the columns whose
    type is not the same in all rows.
    `near`, `languages` and `personal` are empty where they were not asked for; `other_language` is the first sampled
    row whose answer is in another language than its question. `diversity` is None where it cannot be told.
    `first_of_shape` and `first_of_label_type` are where each comes first, `spread` is that of the files.
    """

    rows: int
    valid: int
    shapes: dict[str, int]
    duplicates: Pairs
    conflicts: Pairs
    swapped: Pairs
    without_system: int
    limits: dict[str, int]
    with_images: int = 0
    tokens: int = 0
    longest: int = 0
    counted: bool = False
    epochs: int = 1
    answers: int = 0
    most_common_answer: int = 0
    short_answers: int = 0
    refusals: int = 0
    longest_turns: int = 0
    label_sizes: list[int] = []
    system_sizes: list[int] = []
    systems: int = 0
    preferred_bytes: int = 0
    other_bytes: int = 0
    field_sets: int = 0
    references: int = 0
    lengths: dict[int, int] = {}
    common_affixes: tuple[int, int] = (0, 0)
    system_heavy: int = 0
    tool_sets: int = 0
    label_kinds: dict[str, int] = {}
    near: Pairs = Pairs()
    languages: LanguageCounts = LanguageCounts()
    personal: PersonalFacts = PersonalFacts()
    other_language: Place | None = None
    retyped: list[Retyped] = []
    diversity: Diversity | None = None
    diversity_limits: DiversityLimits = DiversityLimits()
    first_of_shape: dict[str, Place] = {}
    first_of_label_type: dict[str, Place] = {}
    spread: int = 0


class SharedGroups(msgspec.Struct, frozen=True):
    """Groups, by the value of a key, in training and in validation data: where each comes first in both.

    `compared` is how many values of training were looked at, `complete` whether these are all.
    """

    key: str
    pairs: Pairs
    compared: int
    complete: bool


class SplitFacts(msgspec.Struct, frozen=True):
    """Training against validation data: overlapping validation lines, and whether both are one file.

    `unseen_labels` are the first places of each label of validation rows that no training row has, `shared` the keys
    that name groups, of those that stand in both. `rows` are those of training and of validation.
    """

    has_validation: bool
    same_file: bool
    same_rows: Pairs
    same_prompts: Pairs
    differences: list[str] = []
    near: Pairs = Pairs()
    unseen_labels: list[Place] = []
    shared: list[SharedGroups] = []
    rows: tuple[int, int] = (0, 0)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `severity` holds a letter (E W I -) per column of COLUMNS; `find` depends on the scope.

    `methods` are the tuning methods whose rows it reads. A check that `reads` nothing but the named families of
    families.py is not asked about a row in whose texts none of them is found, and one that `needs` signs not about a
    row (or line) that shows none of them. A check of rows may also find, `between_rows`, what no single row shows.
    `refused` names what a chat template may refuse of the rows in which it finds something: it is an error where the
    template does.
    """

    code: str
    scope: Scope
    severity: str
    find: Callable[[Any], Iterator[Hit]]
    fix: Fix = "none"
    fallback: bool = False
    methods: tuple[str, ...] = ("sft", "dpo", "rft")
    reads: tuple[str, ...] = ()
    needs: tuple[Sign, ...] = ()
    refused: Refusal | None = None
    between_rows: Callable[[CorpusFacts], Iterator[Hit]] | None = None


def kind(value: object) -> str:
    """The JSON type of a value, for messages."""
    names = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
    return "null" if value is None else names.get(type(value), "value")
