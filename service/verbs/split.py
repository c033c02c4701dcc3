"""split: one dataset in, training, validation and test data out, with nothing shared between them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.packing import spooled
from service.records.identity import record_id
from service.records.lint_report import NotScanned
from service.records.split import Part, Split
from service.split.assign import Asked, assign, sizes
from service.split.engine import Found, Written, copy, first_reading
from service.split.groups import Group, Rows
from service.split.warnings import warnings
from service.verbs.outputs import refuse_taken
from service.verbs.synthesizing.beside import Beside, require_room_beside
from service.verbs.synthesizing.derived import Derived, trails

# grouping by the prompt is always done; the name is taken all the same
_ALWAYS = "prompt"


class SplitRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to split and how; an input is (path, shown as), the path is None for the given stream.

    `validation` and `test` are sizes as people write them (0.1, 10%, 200), `by` are keys whose values stay in one part.
    """

    inputs: list[tuple[Path | None, str]]
    out: Path
    validation: str = "0.1"
    test: str | None = None
    by: list[str] = []
    seed: int = 42
    force: bool = False


def split(request: SplitRequest, *, stdin: BinaryIO | None = None) -> Split:
    """Write `train.jsonl`, `validation.jsonl` and, where asked for, `test.jsonl`.

    Rows that are equal, share a prompt, go on from one another or share a value of `by` are never in two parts. What
    syntheses left of rows of the inputs goes with them.

    Raises:
        TuneGateError: `usage`, `invalid_input`, `unreadable_path`, `output_exists`, `disk_full`.
    """
    asked = sizes({"validation": request.validation, "test": request.test})
    names = ["train", *(part.name for part in asked)]
    paths = [request.out / f"{name}.jsonl" for name in names]
    refuse_taken(paths, [path for path, _ in request.inputs if path], force=request.force)
    by = tuple(name for name in request.by if name != _ALWAYS)
    with ExitStack() as stack:
        inputs = [(path or stack.enter_context(spooled(_stream(stdin))), name) for path, name in request.inputs]
        found = first_reading(inputs, by)
        _refuse_unknown(found.rows, by)
        groups = found.rows.finish()
        given = assign(groups, asked, seed=request.seed)
        parts = array("B", (given.get(found.rows.root(row), 0) for row in range(len(found.rows))))
        written = _copied(request, found, parts, paths)
    made = _parts(asked, written, groups, given, len(found.rows))
    return _record(request, found, groups, made, _labels(found.rows, parts, names), by)


def _copied(request: SplitRequest, found: Found, parts: array[int], paths: list[Path]) -> list[Written]:
    """The parts, with what syntheses left of their rows beside them."""
    made = [Derived(path) for path in paths]
    of_input = {path: trails(made, path) for path, _ in request.inputs if path is not None}
    if not request.force:
        require_room_beside(made)
    nothing = trails(made, None)

    def wrote(part: int, path: Path, number: int, line: bytes) -> None:
        of_input.get(path, nothing)[part].wrote(number, line)

    with Beside(made, force=request.force) as beside:
        return copy(found, parts, paths, wrote, beside.put)


def _stream(stdin: BinaryIO | None) -> BinaryIO:
    if stdin is None:
        raise TuneGateError("invalid_input", "No standard input to read.")
    return stdin


def _refuse_unknown(rows: Rows, by: tuple[str, ...]) -> None:
    if not len(rows):
        raise TuneGateError("invalid_input", "There are no rows.", remedy="Name a file that holds rows.")
    wrong = [
        ErrorItem("by", name, "system, prompt, or a key of the rows (a.b for b in a)")
        for number, name in enumerate(by)
        if rows.without[number] == len(rows)
    ]
    if wrong:
        raise TuneGateError(
            "invalid_input",
            f"{len(wrong)} key(s) to group by are in no row.",
            errors=wrong,
            remedy="A column that convert left out is kept with: tunegate convert --keep COLUMN.",
        )


def _parts(
    asked: Sequence[Asked], written: list[Written], groups: Sequence[Group], given: dict[int, int], total: int
) -> list[Part]:
    counted = Counter(given.get(group.root, 0) for group in groups)
    rows = [None, *(part.of(total) for part in asked)]
    return [
        Part(
            name=one.path.stem,
            path=str(one.path),
            sha256=one.digest.hexdigest(),
            bytes=one.bytes,
            rows=one.rows,
            groups=counted[number],
            share=round(one.rows / total, 6),
            asked_rows=rows[number],
        )
        for number, one in enumerate(written)
    ]


def _labels(rows: Rows, parts: array[int], names: list[str]) -> list[dict[str, int]]:
    """Rows per class and part, the largest class first."""
    sizes = [dict.fromkeys(names, 0) for _ in rows.labels]
    if sizes:
        for row, part in enumerate(parts):
            sizes[rows.label(row)][names[part]] += 1
    return sorted(sizes, key=lambda one: (-sum(one.values()), *one.values()))


def _record(
    request: SplitRequest,
    found: Found,
    groups: Sequence[Group],
    parts: list[Part],
    labels: list[dict[str, int]],
    by: tuple[str, ...],
) -> Split:
    options = {
        "seed": request.seed,
        "by": request.by,
        "validation": request.validation,
        "test": request.test,
    }
    identity = {
        "inputs": [file.sha256 for _, file in found.files],
        "options": options,
        "parts": [[part.name, part.sha256] for part in parts],
    }
    return Split(
        id=record_id(identity),
        options=options,
        inputs=[file for _, file in found.files],
        parts=parts,
        rows=len(found.rows),
        blank_rows=found.blank_rows,
        duplicates=found.rows.duplicates,
        groups=len(groups),
        largest_group=max(group.rows for group in groups),
        stratified=bool(labels),
        labels=labels,
        warnings=warnings(parts, groups, found.rows, labels, by, request.out),
        not_considered=[
            NotScanned("near duplicates", "rows and prompts are kept together when equal, white space and case aside")
        ],
    )
