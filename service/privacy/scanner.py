"""Scans one text after another for personal data and secrets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from service.errors import TuneGateError, missing_extra
from service.privacy.found import Found, Unscanned
from service.privacy.settings import PrivacySettings

NER_ENTITIES = ("PERSON", "LOCATION", "ORGANIZATION")


class Scanner:
    """Presidio's findings for the settings; Presidio is imported when the first text needs it."""

    def __init__(self, settings: PrivacySettings) -> None:
        self.settings = settings

    @property
    def unscanned(self) -> tuple[Unscanned, ...]:
        """What these settings do not look for."""
        return tuple(Unscanned(entity, "no named-entity model is configured") for entity in NER_ENTITIES)

    def scan(self, text: str, *, language: str | None = None, context: Sequence[str] = ()) -> list[Found]:
        """The findings in a text, sorted by start, end and entity; `context` are words that stand beside it.

        Raises:
            TuneGateError: `usage` for a language that the settings do not name.
        """
        chosen = language or self.settings.languages[0]
        if chosen not in self.settings.languages:
            raise TuneGateError(
                "usage", f"The privacy scan is not set up for language {chosen!r}.",
                remedy=f"Languages: {', '.join(self.settings.languages)}.",
            )  # fmt: skip
        results = self._analyzer.analyze(text, chosen, entities=self.settings.entities, context=list(context) or None)
        return found_of(results)

    @cached_property
    def _analyzer(self) -> Any:
        try:
            from service.privacy.analyzer import plain_analyzer
        except ImportError as error:
            raise missing_extra("privacy", "The privacy scan", error) from error
        return plain_analyzer(self.settings)


def found_of(results: Sequence[Any]) -> list[Found]:
    """Presidio's results in our words and a fixed order."""
    found = [
        Found(one.entity_type, one.start, one.end, one.score, one.recognition_metadata["recognizer_name"])
        for one in results
    ]
    return sorted(found, key=lambda one: (one.start, one.end, one.entity, one.recognizer))
