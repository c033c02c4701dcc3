"""What a privacy scan looks for: languages, thresholds, regions, recognizers of one's own, NER."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from service.errors import ErrorItem, TuneGateError

NER_ENTITIES = ("PERSON", "LOCATION", "ORGANIZATION")
_LANGUAGE = re.compile(r"[a-z]{2}")
_REGION = re.compile(r"[A-Z]{2}")


class PrivacySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to scan. The first language is that of a text whose language nobody names."""

    languages: tuple[str, ...] = ("en",)
    threshold: float = 0.35
    thresholds: dict[str, float] = {}  # by entity, in place of `threshold`
    regions: tuple[str, ...] | None = None  # of phones and ids; None = each language's (rules/privacy/regions.toml)
    entities: tuple[str, ...] | None = None  # None = every entity that a recognizer knows
    without: tuple[str, ...] = ()  # entities that nobody looks for, whichever recognizer knows them
    ner: str | None = None  # a Presidio analyzer configuration (YAML) with a named-entity model
    require_ner: bool = False
    recognizers: str | None = None  # a Presidio recognizer list (YAML) that is added to the stock one


def check(settings: PrivacySettings) -> None:
    """Whether the settings can be meant.

    Raises:
        TuneGateError: `usage` with everything that is wrong with them.
    """
    errors = list(_mistakes(settings))
    if errors:
        raise TuneGateError("usage", f"{len(errors)} privacy setting(s) cannot be used.", errors=errors)


def _mistakes(settings: PrivacySettings) -> Iterator[ErrorItem]:
    for name, values, shape, allowed in (
        ("languages", settings.languages, _LANGUAGE, "ISO 639-1 codes such as en"),
        ("regions", settings.regions, _REGION, "ISO 3166 codes such as GB"),
    ):
        if values is None:
            continue
        if not values:
            yield ErrorItem(name, "none", f"at least one; {allowed}", "Name one.")
        yield from (ErrorItem(name, repr(one), allowed, "Correct it.") for one in values if not shape.fullmatch(one))
        if len(set(values)) != len(values):
            yield ErrorItem(name, "one of them twice", "each once", "Name it once.")
    if settings.entities is not None and not settings.entities:
        yield ErrorItem("entities", "none", "at least one, or all of them", "Name one, or leave the setting out.")
    scores = {"threshold": settings.threshold} | {f"thresholds.{one}": at for one, at in settings.thresholds.items()}
    for name, score in scores.items():
        if not 0 <= score <= 1:
            yield ErrorItem(name, str(score), "0 to 1", "A finding's score is at most 1.")
