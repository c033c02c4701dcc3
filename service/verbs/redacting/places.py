"""Where the copies and maps of a redaction go, and what must not be there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from service.errors import ErrorItem, TuneGateError

# what a stream is called among several inputs
_STREAM_NAME = "stdin.jsonl"
_MAP_SUFFIX = ".map.jsonl"


class Place(msgspec.Struct, frozen=True):
    """One input (None = the given stream), its copy and its map."""

    source: Path | None
    shown_as: str
    out: Path
    map: Path | None = None


def places_of(inputs: Sequence[tuple[Path | None, str]], out: Path, map_: Path | None) -> list[Place]:
    """`out` and `map_` are files for one input, and folders for several."""
    if len(inputs) == 1:
        return [Place(*inputs[0], out, map_)]
    named = [(path, title, path.name if path else _STREAM_NAME) for path, title in inputs]
    return [
        Place(path, title, out / name, map_ / f"{name}{_MAP_SUFFIX}" if map_ else None) for path, title, name in named
    ]


def shown(path: Path) -> str:
    """A path as a record has it: a record is UTF-8, which the name of a file need not be."""
    return os.fsencode(path).decode("utf-8", "replace")


def check_places(places: Sequence[Place], out: Path, *, served: Path | None) -> None:
    """What is wrong with the places before a byte is read; all of it at once.

    Raises:
        TuneGateError: `usage` for places that do not go together, `output_exists` for what is taken.
    """
    unusable = [*_clashes(places), *_exposed(places, out, served), *_over_inputs(places)]
    taken = [
        ErrorItem(shown(path), "it exists", "a new file")
        for path in _made(places)
        if os.path.lexists(path) and not any(error.where == shown(path) for error in unusable)
    ]
    if len(places) > 1 and os.path.lexists(out) and not out.is_dir():
        taken.append(ErrorItem(shown(out), "a file", "a folder, for there are several inputs"))
    if unusable or taken:
        raise TuneGateError(
            "usage" if unusable else "output_exists",
            "The output cannot be written there; nothing is overwritten.",
            remedy="Name new outputs.",
            errors=[*unusable, *taken],
        )


def _made(places: Sequence[Place]) -> Iterator[Path]:
    for place in places:
        yield place.out
        if place.map:
            yield place.map


def _clashes(places: Sequence[Place]) -> Iterator[ErrorItem]:
    """Inputs of one name, and a map where a copy goes."""
    outs = Counter(_real(place.out) for place in places)
    for place in places:
        if outs[_real(place.out)] > 1:
            seen = f"another input also becomes {place.out.name}"
            yield ErrorItem(place.shown_as, seen, "inputs of different names")
        if place.map and _real(place.map) in outs:
            yield ErrorItem(
                shown(place.map), "the copy of -o", "a place of its own", "Keep the map apart from the data."
            )


def _exposed(places: Sequence[Place], out: Path, served: Path | None) -> Iterator[ErrorItem]:
    """Maps where others may read them: with the copies of a folder, or in the data folder of the service."""
    for place in places:
        if place.map is None:
            continue
        where = _real(place.map)
        if served and where.is_relative_to(_real(served)):
            yield ErrorItem(shown(place.map), "the service's data folder", "a folder that nothing is served from")
        elif len(places) > 1 and where.is_relative_to(_real(out)):
            yield ErrorItem(shown(place.map), "the folder of the copies", "a folder of its own")


def _over_inputs(places: Sequence[Place]) -> Iterator[ErrorItem]:
    inputs = [place.source for place in places if place.source is not None and place.source.exists()]
    for path in _made(places):
        if path.exists() and any(path.samefile(one) for one in inputs):
            yield ErrorItem(shown(path), "an input", "another file: the inputs stay as they are")


def _real(path: Path) -> Path:
    return path.resolve()
