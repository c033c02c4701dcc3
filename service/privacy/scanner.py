"""Scans one text after another for personal data and secrets."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from service.errors import TuneGateError, missing_extra
from service.privacy.found import Found, Unscanned
from service.privacy.guard import Guard
from service.privacy.ner_models import missing_models
from service.privacy.settings import NER_ENTITIES, PrivacySettings, check
from service.privacy.spared import kept_for_good, models_spared
from service.privacy.yaml_files import YamlFile

if TYPE_CHECKING:
    from service.privacy.analyzer import Analyzer


class Scanner:
    """Presidio's findings for the settings; Presidio itself is only imported when a text may hold one.

    Threads may share a scanner. A process that is forked from one that scanned has its own.
    """

    def __init__(self, settings: PrivacySettings) -> None:
        """Raises TuneGateError: `usage` for settings that cannot be, `environment` for a required model not here."""
        check(settings)
        self._asked = settings
        self._missing = _missing(settings)
        # without its model a named-entity engine cannot be set up; what is left is told as not scanned
        self.settings = msgspec.structs.replace(settings, ner=None) if self._missing else settings
        self._loading = threading.Lock()
        self._guards = {language: Guard(self.settings, language, self._load) for language in settings.languages}

    @property
    def unscanned(self) -> tuple[Unscanned, ...]:
        """What these settings do not look for."""
        if self._missing:
            why = f"the model {', '.join(self._missing)} is not on this machine"
        elif self.settings.ner is None:
            why = "no named-entity model is configured"
        else:
            looked_for = self._load().entities()
            missing = [entity for entity in NER_ENTITIES if entity not in looked_for]
            return tuple(Unscanned(entity, "the configured model does not tell it") for entity in missing)
        return tuple(Unscanned(entity, why) for entity in NER_ENTITIES)

    @property
    def notes(self) -> tuple[str, ...]:
        """What made the scan slower than it could be; findings are the same."""
        return tuple(dict.fromkeys(guard.note for guard in self._guards.values() if guard.note))

    def prepare(self) -> None:
        """Make or load every gate now: before processes are forked."""
        for step in self.preparations():
            step()

    def preparations(self) -> Iterator[Callable[[], None]]:
        """The same in steps of a second or two."""
        for guard in self._guards.values():
            yield from guard.preparations()

    def load(self) -> None:
        """Import Presidio now, as the first text in which something may fire does."""
        self._load()

    def scan(
        self, text: str, *, language: str | None = None, context: Sequence[str] = (), ad_hoc: Sequence[Any] = ()
    ) -> list[Found]:
        """The findings in a text, sorted by start, end and entity.

        Args:
            text: Any string; lone surrogates are fine.
            language: One of the settings' languages; theirs is the first.
            context: Words that stand beside the text, such as the name of its field.
            ad_hoc: Presidio recognizers for this text alone.

        Raises:
            TuneGateError: `usage` for a language that the settings do not name, `invalid_input` for a recognizer's
                pattern that does not come to an end.
        """
        chosen = language or self.settings.languages[0]
        guard = self._guards.get(chosen)
        if guard is None:
            raise TuneGateError(
                "usage",
                f"The privacy scan is not set up for language {chosen!r}.",
                remedy=f"Languages: {', '.join(self.settings.languages)}.",
            )
        candidates = guard.candidates(text, context)
        if candidates is not None and not candidates and not ad_hoc:
            return []
        analyzer = self._load()
        if not guard.trust(analyzer):
            candidates = None
        if candidates is not None:
            return found_of(analyzer.analyze(text, chosen, candidates, context, ad_hoc))
        start = time.perf_counter()
        found = found_of(analyzer.analyze(text, chosen, None, context, ad_hoc))
        guard.spent(time.perf_counter() - start)
        return found

    def _load(self) -> Analyzer:
        with self._loading:
            return self._analyzer

    @cached_property
    def _analyzer(self) -> Analyzer:
        if self.settings.ner is not None:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            with kept_for_good():
                with models_spared(self.settings):
                    from service.privacy.analyzer import Analyzer
                return Analyzer(self.settings)
        except ImportError as error:
            raise missing_extra("privacy", "The privacy scan", error) from error


def found_of(results: Sequence[Any]) -> list[Found]:
    """Presidio's results in our words and a fixed order."""
    found = [
        Found(one.entity_type, one.start, one.end, one.score, one.recognition_metadata["recognizer_name"])
        for one in results
    ]
    return sorted(found, key=lambda one: (one.start, one.end, one.entity, one.recognizer))


def _missing(settings: PrivacySettings) -> tuple[str, ...]:
    """The named-entity models that are configured and not here."""
    missing = () if settings.ner is None else missing_models(YamlFile(Path(settings.ner)))
    if settings.require_ner and (missing or settings.ner is None):
        said = f"the model {', '.join(missing)} is not on this machine" if missing else "no model is configured"
        raise TuneGateError(
            "environment",
            f"Named entities (PERSON, LOCATION, ORGANIZATION) are required, and {said}.",
            remedy="Install the model, or let `ner` name a Presidio configuration whose model is here. "
            "Nothing is downloaded.",
        )
    return missing
