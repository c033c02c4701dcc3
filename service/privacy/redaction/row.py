"""Redacts one row: what is found, wherever the same value stands, until a scan of the result finds nothing more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from service.privacy.escapes import found_in
from service.privacy.fields import Text, rewritten, texts
from service.privacy.found import Found
from service.privacy.redaction.spans import Span, spans_of, united
from service.privacy.redaction.values import Values
from service.privacy.redaction.ways import Way
from service.privacy.spelling import Edit, edited, original_places

# a text with the context that it stands in -> findings
Scan = Callable[[str, tuple[str, ...]], Sequence[Found]]

# system messages come again and again; a long text seldom does
_REMEMBERED, _SHORT = 1024, 4096
# before a text that may look like JSON or inline data, and is neither here
_MARK = ".\n"


class RedactedRow(NamedTuple):
    """`row` is the given object where nothing was found; `counts` are replaced places by entity."""

    row: Any
    counts: Counter[str]


class RedactedTexts(NamedTuple):
    """`edits` are of each given text, in order: what gives way, and to what."""

    edits: list[tuple[Edit, ...]]
    counts: Counter[str]


class Redactor:
    """Redacts rows one by one; every row is a conversation of its own."""

    def __init__(self, scan: Scan, way: Way) -> None:
        self._way = way

        def read(text: str, context: tuple[str, ...]) -> Sequence[Found]:
            return found_in(text, lambda one: scan(one, context))

        remembered = lru_cache(_REMEMBERED)(read)
        self._scan: Scan = lambda text, context: (remembered if len(text) < _SHORT else read)(text, context)

    def redacted(self, row: Any) -> RedactedRow:
        """The row without what was found, of the same shape.

        A tag can speak for a number beside it as the value did not ("<US_BANK_NUMBER_1> 12345678"), so what was
        changed is scanned again; places only grow, so this ends.
        """
        conversation = self._settled(row)
        return RedactedRow(conversation.row, conversation.counts())

    def redacted_texts(self, texts: Sequence[str]) -> RedactedTexts:
        """Plain texts of one document, as one conversation: equal values have equal names in all of them.

        A text that is JSON is read as the text that it is.
        """
        conversation = self._settled({"messages": [{"role": "user", "content": _MARK + text} for text in texts]})
        skipped = len(_MARK)
        edits = [
            tuple(Edit(max(0, one.start - skipped), one.end - skipped, one.text) for one in found if one.end > skipped)
            for found in conversation.edits
        ]
        return RedactedTexts(edits, conversation.counts())

    def _settled(self, row: Any) -> _Conversation:
        conversation = _Conversation(row)
        while True:
            grown = [conversation.take(number, self._found(text)) for number, text in conversation.unseen()]
            if not any(grown):
                return conversation
            conversation.spread()
            conversation.rewrite(self._way)

    def _found(self, text: Text) -> Sequence[Found]:
        return self._scan(text.text, text.context)


class _Conversation:
    """The texts of a row, the places in each that are to go, and the row without them."""

    def __init__(self, row: Any) -> None:
        self._original = row
        self._texts = texts(row)
        self._spans: list[list[Span]] = [[] for _ in self._texts]
        self._edits: list[list[Edit]] = [[] for _ in self._texts]
        self._now = self._texts
        self._seen: list[Text | None] = [None] * len(self._texts)
        self.row = row

    @property
    def edits(self) -> list[list[Edit]]:
        """Of each text as it was given."""
        return self._edits

    def unseen(self) -> list[tuple[int, Text]]:
        """Texts that nobody scanned as they are now, with their number."""
        changed = [
            (number, text)
            for number, (text, seen) in enumerate(zip(self._now, self._seen, strict=True))
            if seen is None or (text.text, text.context) != (seen.text, seen.context)
        ]
        self._seen = list(self._now)
        return changed

    def take(self, number: int, found: Sequence[Found]) -> bool:
        """Add findings in a text as it is now; whether there was anything new."""
        text, spans = self._texts[number], self._spans[number]
        if not found or (text.kind == "number" and spans):
            return False
        if not spans:
            new = spans_of(text.text, found)
        else:
            place = original_places(self._edits[number])
            places = [(one, place(one.start, one.end)) for one in found]
            new = [Span(*there, one.entity, one.score) for one, there in places if there is not None]
        return self._cover(number, new)

    def spread(self) -> None:
        """Cover every place where a value stands that is to go somewhere in the row."""
        grown = True
        while grown:
            values = self._values()
            grown = sum(self._cover(number, values.places(text.text)) for number, text in enumerate(self._texts)) > 0

    def rewrite(self, way: Way) -> None:
        """The row anew, with names for all that is to go, numbered in the order in which they appear."""
        values, namer = self._values(), way.namer(text.text for text in self._texts)
        for number, (text, spans) in enumerate(zip(self._texts, self._spans, strict=True)):
            name = namer.number if text.kind == "number" else namer.text
            cut = [(span, text.text[span.start : span.end]) for span in spans]
            self._edits[number] = [Edit(span.start, span.end, name(values.entity(value), value)) for span, value in cut]
        new = [edited(text.text, edits) for text, edits in zip(self._texts, self._edits, strict=True)]
        inner = iter(new)
        self.row = rewritten(self._original, lambda _: next(inner))
        now = texts(self.row)
        # text that was no JSON for the sake of what is gone would be read as other texts
        self._now = (
            now
            if len(now) == len(new)
            else [text._replace(text=one) for text, one in zip(self._texts, new, strict=True)]
        )

    def counts(self) -> Counter[str]:
        values = self._values()
        return Counter(
            values.entity(text.text[span.start : span.end])
            for text, spans in zip(self._texts, self._spans, strict=True)
            for span in spans
        )

    def _cover(self, number: int, new: Iterable[Span]) -> bool:
        before = self._spans[number]
        after = united([*before, *new])
        if self._texts[number].kind == "number" and after:
            surest = max(after, key=lambda one: one.score)
            after = [surest._replace(start=0, end=len(self._texts[number].text))]
        self._spans[number] = after
        return [(one.start, one.end) for one in after] != [(one.start, one.end) for one in before]

    def _values(self) -> Values:
        values = Values()
        for text, spans in zip(self._texts, self._spans, strict=True):
            for span in spans:
                values.add(text.text[span.start : span.end], span.entity, span.score)
        return values
