"""An NLP engine without a model: tokens for Presidio's context words, in any language, and no named entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import regex
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from spacy.lang.en.stop_words import STOP_WORDS

from service.privacy.context import Keywords

_TOKEN = regex.compile(r"\w+|[^\w\s]")


class LightNlpEngine(NlpEngine):  # type: ignore[misc]
    """Words and signs are tokens, lower-cased tokens are lemmas."""

    def __init__(self, languages: Iterable[str]) -> None:
        self.languages = list(languages)

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        tokens, places = [], []
        for match in _TOKEN.finditer(text):
            tokens.append(match.group())
            places.append(match.start())
        lemmas = [token.lower() for token in tokens]
        made = NlpArtifacts(
            entities=[], tokens=tokens, tokens_indices=places, lemmas=lemmas, nlp_engine=self, language=language
        )
        made.keywords = Keywords(made.keywords)
        return made

    def process_batch(self, texts: Iterable[str], language: str, **_: Any) -> Iterator[tuple[str, NlpArtifacts]]:
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        """English stop words; other languages keep theirs, which only shortens the window of context words."""
        return language == "en" and word in STOP_WORDS

    def is_punct(self, word: str, language: str) -> bool:
        del language
        return not (word[0].isalnum() or word[0] == "_")

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return self.languages


class LazyArtifacts:
    """Artifacts that are made when a recognizer or the context enhancer first looks at them: most texts need none."""

    def __init__(self, engine: Any, text: str, language: str) -> None:
        self._of = engine, text, language

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        engine, text, language = self._of
        self.__dict__.update(vars(engine.process_text(text, language)))
        return self.__dict__[name]
