"""What rows are written from: chunks of documents, or cells of a persona grid, with the asks that come of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.evaluate.counting import tokens
from service.evaluate.given import Given, read_toml, refuse
from service.privacy.redaction.row import RedactedTexts, Redactor
from service.privacy.spelling import edited
from service.records.synthesis import PassedOver
from service.synth.asks import MOST_CELLS, Asks, cells, of_chunks, of_personas
from service.synth.chunks import Chunk, chunks_of
from service.synth.rulebook import Grid, Templates, default_grid
from service.synth.sources import Source, read_sources
from service.verbs.synthesizing.request import SynthRequest

_SHOWN = 40


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """The asks, and what they are about; `rows` is how many are wanted, `redacted` what was taken out by entity.

    `units` are the names of documents or topics; chunks are those of documents, empty for personas.
    """

    asks: Asks
    rows: int
    redacted: Counter[str]
    documents: list[Source] = []
    chunks: list[Chunk] = []
    topics: list[str] = []
    passed_over: list[PassedOver] = []
    grid_sha256: str | None = None
    cells: int = 0


def material_of(request: SynthRequest, asked: Templates, redactor: Redactor, rules: RuleFiles) -> Material:
    """Read and redact all of it.

    Raises:
        TuneGateError: `unreadable_path`, `invalid_input` for what cannot be read, and more rows than asks.
    """
    made = (
        _of_sources(request, asked, redactor)
        if request.kind == "coverage"
        else _of_grid(request, asked, redactor, rules)
    )
    if made.rows > made.asks.total:
        what = f"{len(made.chunks)} chunk(s)" if request.kind == "coverage" else f"{made.cells} cell(s) of the grid"
        raise TuneGateError(
            "invalid_input",
            f"{made.rows:,} rows cannot come of {what}: each is asked for by each template once, {made.asks.total:,} "
            "requests in all.",
            remedy="Ask for fewer rows, or give more sources, topics or dimensions.",
            errors=[ErrorItem("rows", f"{made.rows}", f"at most {made.asks.total}")],
        )
    return made


def _of_sources(request: SynthRequest, asked: Templates, redactor: Redactor) -> Material:
    sources = read_sources(request.sources)
    found = chunks_of(sources.documents, redactor, most_tokens=request.chunk_tokens, count=tokens)
    places = found.first_ones
    # a name is in the record, and may be somebody's
    named = [*(one.name for one in sources.documents), *(one.what for one in sources.passed_over)]
    names = iter(_edited(named, redactor.redacted_texts(named)))
    return Material(
        asks=of_chunks(found.chunks, places, asked, seed=request.seed),
        rows=request.rows or len(places),
        redacted=found.redacted,
        documents=[msgspec.structs.replace(one, name=next(names)) for one in sources.documents],
        chunks=found.chunks,
        passed_over=[PassedOver(next(names), one.why) for one in sources.passed_over],
    )


def _of_grid(request: SynthRequest, asked: Templates, redactor: Redactor, rules: RuleFiles) -> Material:
    grid = _read_grid(request.grid) if request.grid is not None else default_grid(rules)
    topics = list(dict.fromkeys([*grid.topics, *(one.strip() for one in request.topics)]))
    grid = msgspec.structs.replace(grid, topics=topics, dimensions=request.dimensions or grid.dimensions)
    errors = _wrong(grid)
    refuse(errors, "the persona grid", "docs/synth.md has one.")
    texts = [*grid.topics, *(value for values in grid.dimensions.values() for value in values)]
    redacted = redactor.redacted_texts(texts)
    new = iter(_edited(texts, redacted))
    grid = Grid(
        topics=[next(new) for _ in grid.topics],
        dimensions={name: [next(new) for _ in values] for name, values in grid.dimensions.items()},
    )
    content = msgspec.json.encode(grid, order="deterministic")
    return Material(
        asks=of_personas(grid, asked, seed=request.seed),
        rows=request.rows or len(grid.topics),
        redacted=redacted.counts,
        topics=grid.topics,
        grid_sha256=hashlib.sha256(content).hexdigest(),
        cells=cells(grid),
    )


def _edited(texts: list[str], redacted: RedactedTexts) -> list[str]:
    return [str(edited(text, edits)) for text, edits in zip(texts, redacted.edits, strict=True)]


def _read_grid(path: Path) -> Grid:
    errors: list[ErrorItem] = []
    given = read_toml(path, errors)
    if given is None:
        refuse(errors, "the persona grid", "docs/synth.md has one.")
    assert given is not None
    dimensions = given.inner("dimensions")
    found = Grid(topics=given.texts("topics"), dimensions=_dimensions(dimensions))
    for key in ("source", "read_on"):
        given.text(key)
    given.close()
    refuse(errors, "the persona grid", "docs/synth.md has one.")
    return found


def _dimensions(given: Given | None) -> dict[str, list[str]]:
    return {} if given is None else {name: given.texts(name) for name in given.data}


def _wrong(grid: Grid) -> list[ErrorItem]:
    errors = []
    if not any(one.strip() for one in grid.topics):
        errors.append(ErrorItem("topics", "nothing", "what the rows are about", "Give --topic, or topics in the grid."))
    if not grid.dimensions:
        errors.append(ErrorItem("dimensions", "nothing", "a table of lists"))
    for name, values in grid.dimensions.items():
        if not values or not all(one.strip() for one in values):
            errors.append(ErrorItem(f"dimensions.{name[:_SHOWN]}", "an empty value, or none", "texts"))
        elif len(set(values)) < len(values):
            errors.append(ErrorItem(f"dimensions.{name[:_SHOWN]}", "a value twice", "texts that differ"))
    if not errors and cells(grid) > MOST_CELLS:
        errors.append(ErrorItem("dimensions", f"{cells(grid):,} cells", f"at most {MOST_CELLS:,}"))
    return errors
