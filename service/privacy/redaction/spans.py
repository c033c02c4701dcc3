"""Places in a text that are to go: findings that overlap are one place, so that no part of any is left."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from service.privacy.found import Found

# scheme://user:password@ - a password before a host reads like an address of e-mail
_USER_INFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://([^\s/?#@\"'<>]{1,400})@")
_MAIL = "EMAIL_ADDRESS"


class Span(NamedTuple):
    """Characters `start` to `end` (excluded), and what they are; `score` says how sure that is."""

    start: int
    end: int
    entity: str
    score: float


def spans_of(text: str, found: Iterable[Found]) -> list[Span]:
    """The places of findings. Of an e-mail address that is the end of an URL's credentials, only the credentials go:
    the URL stays one.
    """
    spans = [Span(one.start, one.end, one.entity, one.score) for one in found]
    if any(span.entity == _MAIL for span in spans) and "://" in text:
        spans = [_without_host(text, span) if span.entity == _MAIL else span for span in spans]
    return united(spans)


def united(spans: Iterable[Span]) -> list[Span]:
    """Places in order that do not overlap and cover the same characters; the surest finding names each."""
    made: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if span.start == span.end:
            continue
        if made and span.start < made[-1].end:
            before = made.pop()
            surest = max(before, span, key=lambda one: (one.score, one.end - one.start, one.entity))
            span = Span(before.start, max(before.end, span.end), surest.entity, surest.score)  # noqa: PLW2901
        made.append(span)
    return made


def _without_host(text: str, span: Span) -> Span:
    for match in _USER_INFO.finditer(text):
        start, end = match.span(1)
        if start <= span.start < end < span.end:
            return Span(span.start, end, span.entity, 0.0)
    return span
