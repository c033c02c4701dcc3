"""What a privacy scan looks for: languages, thresholds, regions, recognizers of one's own, NER."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from service.errors import ErrorItem, TuneGateError, did_you_mean
from service.privacy.languages import unknown_languages

NER_ENTITIES = ("PERSON", "LOCATION", "ORGANIZATION")
_REGION = re.compile(r"[A-Z]{2}")
_MEANT = {"UK": "GB"}
_SHOWN = 40


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
    errors = mistakes(settings)
    if errors:
        raise TuneGateError("usage", f"{len(errors)} privacy setting(s) cannot be used.", errors=errors)


def mistakes(settings: PrivacySettings) -> list[ErrorItem]:
    """All that is wrong with the settings, as far as it can be told without the recognizers."""
    return [
        *_none_or_twice("languages", settings.languages),
        *unknown_languages(settings.languages),
        *_none_or_twice("regions", settings.regions),
        *unknown_regions(settings.regions or ()),
        *_none_or_twice("entities", settings.entities),
        *_scores(settings),
    ]


def unknown_regions(regions: Sequence[str]) -> Iterator[ErrorItem]:
    """Regions whose phone numbers nobody knows."""
    known = _regions() if regions else frozenset()
    for one in regions:
        if not _REGION.fullmatch(one) or (known and one not in known):
            nearest = _MEANT.get(one.upper()) or did_you_mean(one.upper(), known)
            hint = f"Did you mean {nearest!r}?" if nearest else "Name regions by their two letters (ISO 3166-1)."
            count = f"one of {len(known)} " if known else ""
            yield ErrorItem("regions", repr(one[:_SHOWN]), f"{count}ISO 3166 codes such as GB, PH, US", hint)


def unknown_entities(names: Sequence[str], known: Sequence[str], where: str = "entities") -> list[ErrorItem]:
    """Entities that no recognizer knows."""
    allowed = f"one of {len(known)} entities; rules/privacy/entities.toml lists them by kind"
    return [
        ErrorItem(where, name[:_SHOWN], allowed, f"Did you mean {nearest!r}?" if nearest else None)
        for name in names
        if name not in known
        for nearest in [did_you_mean(name[:_SHOWN].upper(), known)]
    ]


def _regions() -> frozenset[str]:
    """What phonenumbers has; nothing where it is not installed, and then nothing is scanned."""
    try:
        import phonenumbers
    except ImportError:
        return frozenset()
    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def _none_or_twice(name: str, values: Sequence[str] | None) -> Iterator[ErrorItem]:
    if values is None:
        return
    if not values:
        yield ErrorItem(name, "none", "at least one", "Name one, or leave the setting out.")
    if len(set(values)) != len(values):
        yield ErrorItem(name, "one of them twice", "each once", "Name it once.")


def _scores(settings: PrivacySettings) -> Iterator[ErrorItem]:
    scores = {"threshold": settings.threshold} | {f"thresholds.{one}": at for one, at in settings.thresholds.items()}
    for name, score in scores.items():
        if not 0 <= score <= 1:
            yield ErrorItem(name, str(score), "0 to 1", "A finding's score is at most 1.")
