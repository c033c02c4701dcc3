"""lint's charts: how the training rows are distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from service.records.lint_report import Statistics
from service.verbs.rendering.charts import Bar, chart


def distributions(statistics: Statistics) -> Iterator[ET.Element]:
    """A chart for each distribution that the report has."""
    yield from _rows(statistics)
    yield from _lengths(statistics)
    if statistics.turns:
        bars = [Bar(f"{count} messages", rows) for count, rows in statistics.turns.items()]
        yield chart("Messages a row", "Beside the system's message.", bars, of="messages")
    if len(statistics.shapes) > 1:
        bars = _largest(statistics.shapes)
        yield chart("Shapes", "One file holds one kind of row; these are several.", bars, of="shape")
    if statistics.system_prompts:
        yield _groups(
            "System prompts", statistics.system_prompts, "prompt", "Rows by their system prompt, the largest groups."
        )
    if statistics.labels:
        says = "The answers are few and short, so they look like classes; rows of each."
        yield _groups("Answers as classes", sorted(statistics.labels, reverse=True), "class", says)
    if statistics.languages:
        yield chart(
            "Languages", "Rows by the language that they are in.", _largest(statistics.languages), of="language"
        )


def _rows(statistics: Statistics) -> Iterator[ET.Element]:
    if statistics.rows:
        bad = statistics.rows - statistics.valid
        bars = [Bar("without an error", statistics.valid, "good"), Bar("with an error", bad, "error")]
        yield chart(
            "Rows", f"{statistics.valid:,} of {statistics.rows:,} training rows are without an error.", bars, of="rows"
        )


def _lengths(statistics: Statistics) -> Iterator[ET.Element]:
    if statistics.lengths:
        bars = [Bar(f"{one.low:,} to {one.high:,}", one.rows) for one in statistics.lengths]
        counted = "Counted with the model's own encoder." if statistics.exact_tokens else "Estimated from the bytes."
        yield chart("Tokens a row", counted, bars, of="tokens")


def _groups(title: str, sizes: Sequence[int], noun: str, says: str) -> ET.Element:
    """Groups that are counted without their text, so they have only a number."""
    return chart(title, says, [Bar(f"{noun} {i}", rows) for i, rows in enumerate(sizes, start=1)], of=noun)


def _largest(counts: dict[str, int]) -> list[Bar]:
    return [Bar(name, rows) for name, rows in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
