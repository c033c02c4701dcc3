"""Documents cut into chunks, after what is personal in them was taken out: offsets are of the original text."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from service.privacy.redaction.row import Redactor
from service.privacy.spelling import Edit
from service.synth.sources import BREAK, Source

# a stretch that is searched at once; what is personal must not lie on two sides of a cut
_STRETCH = 50_000
_WORD = re.compile(r"\S+")


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Characters `start` to `end` of document `document` (a place in the list); `text` is redacted.

    `repeats` is the place of the first chunk with the same text, null for a first one.
    """

    document: int
    number: int
    start: int
    end: int
    text: str
    redacted: int
    repeats: int | None = None


class Chunks(msgspec.Struct, frozen=True):
    """All chunks, and what was taken out of the documents, by entity."""

    chunks: list[Chunk]
    redacted: Counter[str]

    @property
    def first_ones(self) -> list[int]:
        """Places of the chunks whose text stands nowhere before."""
        return [place for place, one in enumerate(self.chunks) if one.repeats is None]


def chunks_of(
    sources: Sequence[Source], redactor: Redactor, *, most_tokens: int, count: Callable[[str], int]
) -> Chunks:
    """The chunks of all documents: whole paragraphs while they stay within `most_tokens`, longer ones cut at words."""
    found: list[Chunk] = []
    seen: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for place, source in enumerate(sources):
        edits, taken = _edits(source, redactor)
        counts += taken
        for number, (start, end) in enumerate(_spans(source, most_tokens, count), 1):
            inside = [one for one in edits if one.start < end and one.end > start]
            text = _without(source.text, start, end, inside).strip()
            if not text:
                continue
            key = hashlib.sha256(" ".join(text.casefold().split()).encode(errors="replace")).hexdigest()
            found.append(
                Chunk(
                    document=place, number=number, start=start, end=end, text=text,
                    redacted=len(inside), repeats=seen.get(key),
                )
            )  # fmt: skip
            seen.setdefault(key, len(found) - 1)
    return Chunks(found, counts)


def _edits(source: Source, redactor: Redactor) -> tuple[list[Edit], Counter[str]]:
    """What gives way in a document, by its own characters."""
    stretches = list(_stretches(source))
    redacted = redactor.redacted_texts([source.text[start:end] for start, end in stretches])
    edits = [
        Edit(one.start + start, one.end + start, one.text)
        for (start, _), several in zip(stretches, redacted.edits, strict=True)
        for one in several
    ]
    return edits, redacted.counts


def _stretches(source: Source) -> Iterator[tuple[int, int]]:
    begun = 0
    for start, end in source.paragraphs:
        if end - begun > _STRETCH and start > begun:
            yield begun, start - len(BREAK)
            begun = start
    yield begun, len(source.text)


def _spans(source: Source, most: int, count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    held: tuple[int, int] | None = None
    size = 0
    for start, end in (piece for one in source.paragraphs for piece in _pieces(source.text, *one, most, count)):
        tokens = count(source.text[start:end])
        if held is not None and size + tokens > most:
            yield held
            held = None
        held, size = (start, end) if held is None else (held[0], end), tokens if held is None else size + tokens
    if held is not None:
        yield held


def _pieces(text: str, start: int, end: int, most: int, count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    if count(text[start:end]) <= most:
        yield start, end
        return
    words = [(found.start(), found.end()) for found in _WORD.finditer(text, start, end)]
    if len(words) <= 1:
        yield start, end
        return
    middle = len(words) // 2
    yield from _pieces(text, start, words[middle - 1][1], most, count)
    yield from _pieces(text, words[middle][0], end, most, count)


def _without(text: str, start: int, end: int, edits: Sequence[Edit]) -> str:
    """A stretch with its edits; one that lies on its begin belongs to the stretch before, and none is cut in two."""
    parts, at = [], start
    for one in edits:
        if one.start >= start:
            parts += [text[at : one.start], one.text]
        at = one.end
    return "".join([*parts, text[at:end]])
