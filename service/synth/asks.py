"""What is asked of the model, in an order that the seed gives: every chunk or topic once before any is asked again."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from itertools import islice, product
from math import prod
from typing import Any

import msgspec

from service.records.identity import canonical_json
from service.synth.chunks import Chunk
from service.synth.rulebook import Grid, Template, Templates

MOST_CELLS = 1_000_000


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request; `unit` is the place of the chunk or topic, `persona` says whose part the model takes."""

    number: int
    template: Template
    unit: int
    messages: list[dict[str, Any]]
    persona: str | None = None

    @property
    def prompt_sha256(self) -> str:
        return hashlib.sha256(canonical_json(self.messages)).hexdigest()


class Asks:
    """`total` requests at most, lazily."""

    def __init__(self, made: Iterator[Ask], total: int) -> None:
        self._made, self.total = made, total

    def __iter__(self) -> Iterator[Ask]:
        return self._made


def of_chunks(chunks: Sequence[Chunk], places: Sequence[int], asked: Templates, *, seed: int) -> Asks:
    """Each chunk of `places` with each template for sources: in the first round every chunk once."""
    kinds = asked.of("sources")
    order = list(places)
    random.Random(seed).shuffle(order)  # noqa: S311 - an order

    def made() -> Iterator[Ask]:
        number = 0
        for turn in range(len(kinds)):
            for n, place in enumerate(order):
                template = kinds[(n + turn) % len(kinds)]
                text = _filled(template.ask, {"passage": chunks[place].text})
                yield Ask(number=number, template=template, unit=place, messages=_messages(asked, text))
                number += 1

    return Asks(made(), len(order) * len(kinds))


def of_personas(grid: Grid, asked: Templates, *, seed: int) -> Asks:
    """Each persona about each topic with each template: topics in turn, personas and templates mixed."""
    kinds = asked.of("personas")
    draw = random.Random(seed)  # noqa: S311 - an order
    personas = ["; ".join(values) for values in product(*grid.dimensions.values())]
    orders = [draw.sample(personas, len(personas)) for _ in grid.topics]

    def made() -> Iterator[Ask]:
        number = 0
        for turn in range(len(kinds)):
            for n, row in enumerate(zip(*orders, strict=True)):
                for place, persona in enumerate(row):
                    template = kinds[(n + place + turn) % len(kinds)]
                    text = _filled(template.ask, {"persona": persona, "topic": grid.topics[place]})
                    messages = _messages(asked, text)
                    yield Ask(number=number, template=template, unit=place, messages=messages, persona=persona)
                    number += 1

    return Asks(made(), cells(grid) * len(kinds))


def cells(grid: Grid) -> int:
    """How many personas about how many topics that is."""
    return len(grid.topics) * prod(len(values) for values in grid.dimensions.values())


def first(asks: Asks, most: int) -> list[Ask]:
    """The first requests, for looking at them."""
    return list(islice(iter(asks), most))


def instructions(asked: Templates) -> list[str]:
    """What of the requests is ours, in pieces: whatever repeats it did not follow it."""
    pieces = [asked.system, asked.reply]
    for template in asked.template:
        pieces += [part for part in _parts(template.ask) if part.strip()]
    return pieces


def _parts(ask: str) -> list[str]:
    for place in ("{passage}", "{persona}", "{topic}"):
        ask = ask.replace(place, "\0")
    return ask.split("\0")


def _filled(ask: str, values: dict[str, str]) -> str:
    """The ask with its values: at one go, because a value may hold a place itself."""
    parts: list[str] = []
    rest = ask
    while True:
        found = [(rest.find(f"{{{name}}}"), name) for name in values if f"{{{name}}}" in rest]
        if not found:
            return "".join([*parts, rest])
        at, name = min(found)
        parts += [rest[:at], values[name]]
        rest = rest[at + len(name) + 2 :]


def _messages(asked: Templates, text: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": asked.system}, {"role": "user", "content": f"{text}\n\n{asked.reply}"}]
