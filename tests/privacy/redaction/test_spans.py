"""Overlapping findings become one place: nothing of any is left, and nothing else goes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import RecognizerResult

from service.privacy.found import Found
from service.privacy.redaction.spans import Span, spans_of, united
from service.privacy.spelling import Edit, edited

SPANS = st.builds(
    lambda start, size, entity, score: Span(start, start + size, entity, score),
    st.integers(0, 30), st.integers(0, 12), st.sampled_from("ABC"), st.sampled_from([0.3, 0.5, 1.0]),
)  # fmt: skip
TEXT = "".join(chr(ord("a") + number % 26) for number in range(42))


def covered(spans: list[Span]) -> set[int]:
    return {place for span in spans for place in range(span.start, span.end)}


@given(st.lists(SPANS, max_size=8))
def test_places_cover_what_was_found_and_nothing_else(spans: list[Span]) -> None:
    made = united(spans)
    assert covered(made) == covered(spans)
    assert all(a.end <= b.start for a, b in pairwise(made))
    for one in made:
        inside = [span for span in spans if one.start <= span.start < span.end <= one.end]
        assert one.score == max(span.score for span in inside)
        assert one.entity in {span.entity for span in inside if span.score == one.score}


@given(st.lists(SPANS, max_size=8))
def test_places_that_are_apart_are_replaced_as_presidio_does(spans: list[Span]) -> None:
    made = united(spans)
    ours = edited(TEXT, [Edit(one.start, one.end, f"<{one.entity}>") for one in made])
    results = [RecognizerResult(one.entity, one.start, one.end, one.score) for one in made]
    theirs = AnonymizerEngine().anonymize(TEXT, results, merge_entities_with_spaces=False)
    # its engine merges equal entities that touch
    if all(a.end < b.start for a, b in pairwise(made)):
        assert ours == theirs.text


@pytest.mark.parametrize(
    ("text", "found", "left"),
    [
        ("https://ada:pass@example.org/x?y=1", "pass@example.org", "https://ada:.@example.org/x?y=1"),
        ("https://ada:p@example.org/x", "p@example.org", "https://ada:.@example.org/x"),
        ("mail p@example.org, not https://example.org", "p@example.org", "mail ., not https://example.org"),
        ("https://example.org/?to=p@example.org", "p@example.org", "https://example.org/?to=."),
    ],
)
def test_the_host_of_an_url_with_credentials_stays(text: str, found: str, left: str) -> None:
    start = text.index(found)
    (span,) = spans_of(text, [Found("EMAIL_ADDRESS", start, start + len(found), 1.0, "")])
    assert f"{text[: span.start]}.{text[span.end :]}" == left
