"""Presidio's AnalyzerEngine with the recognizers that the settings name, and without any network."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from contextvars import ContextVar

import tldextract.tldextract
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpEngine
from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from service.errors import TuneGateError
from service.privacy.context import FastContextEnhancer
from service.privacy.given import with_given
from service.privacy.limits import limit
from service.privacy.ner import ner_engine
from service.privacy.nlp import LazyArtifacts, LightNlpEngine
from service.privacy.phones import fast_phones
from service.privacy.plan import Candidates, Plan
from service.privacy.planner import fingerprint_of, narrows, plan_of
from service.privacy.recognizers import REPLACED, own_recognizers, regions_of
from service.privacy.settings import PrivacySettings, unknown_entities

# the e-mail recognizer asks for the public suffix of a domain, and tldextract would fetch the list on the first one;
# the list that it ships is used instead, and nothing is written below ~/.cache
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

# an attribute of the registry would be seen by every thread
_CHOSEN: ContextVar[Sequence[EntityRecognizer]] = ContextVar("_CHOSEN")


class _CandidateRegistry(RecognizerRegistry):  # type: ignore[misc]
    """Gives the engine the recognizers that were chosen for the text."""

    def get_recognizers(
        self,
        language: str,
        entities: Sequence[str] | None = None,
        all_fields: bool = False,  # noqa: FBT001, FBT002
        ad_hoc_recognizers: Sequence[EntityRecognizer] | None = None,
    ) -> list[EntityRecognizer]:
        """As RecognizerRegistry.get_recognizers, of the chosen ones."""
        del entities, all_fields
        ad_hoc = [one for one in ad_hoc_recognizers or () if one.supported_language == language]
        return [*_CHOSEN.get(), *ad_hoc]


class Analyzer:
    """Presidio for the settings; every finding is the engine's."""

    def __init__(self, settings: PrivacySettings) -> None:
        """Raises TuneGateError for files and names in the settings that cannot be used."""
        self._settings = settings
        self._nlp, recognizers, enhancer = _parts_of(settings)
        faster = [limit(fast_phones(one)) for one in recognizers]
        self._by_language = {
            language: [one for one in faster if one.supported_language == language] for language in settings.languages
        }
        self._entities = {
            language: list(settings.entities or sorted(_entities_of(known).difference(settings.without)))
            for language, known in self._by_language.items()
        }
        self._light = isinstance(self._nlp, LightNlpEngine)
        self._enhancer = enhancer or FastContextEnhancer()
        self._engine = AnalyzerEngine(
            registry=_CandidateRegistry(recognizers=faster, supported_languages=list(settings.languages)),
            nlp_engine=self._nlp,
            supported_languages=list(settings.languages),
            default_score_threshold=settings.threshold,
            context_aware_enhancer=self._enhancer,
        )

    def entities(self) -> frozenset[str]:
        """What the recognizers of all languages look for."""
        return frozenset(name for names in self._entities.values() for name in names)

    def plan(self, language: str, *, careful: bool = False) -> Plan:
        """What the gate must know of a language's recognizers; see `plan_of`."""
        return plan_of(
            self._by_language[language],
            threshold=self._settings.threshold,
            enhancer=self._enhancer if self._light else None,
            careful=careful,
        )

    def is_of(self, plan: Plan, language: str) -> bool:
        """Whether a plan was read from these very recognizers."""
        return plan.fingerprint == fingerprint_of(self._by_language[language])

    def analyze(
        self,
        text: str,
        language: str,
        candidates: Sequence[Candidates] | None,
        context: Sequence[str],
        ad_hoc: Sequence[EntityRecognizer] = (),
    ) -> list[RecognizerResult]:
        """The engine's findings, of all recognizers (None) or of those that may fire at all."""
        known = self._by_language[language]
        token = _CHOSEN.set(known if candidates is None else [_narrowed(known, one) for one in candidates])
        try:
            results: list[RecognizerResult] = self._engine.analyze(
                text,
                language,
                entities=self._entities[language] + [name for one in ad_hoc for name in one.supported_entities],
                nlp_artifacts=LazyArtifacts(self._nlp, text, language),
                context=list(context) or None,
                ad_hoc_recognizers=list(ad_hoc) or None,
            )
        except TuneGateError:
            raise
        except Exception as error:  # noqa: BLE001
            # its text could hold a value, and so could those that it came from
            raise TuneGateError(
                "internal",
                f"A recognizer failed ({type(error).__name__}) on a text of {len(text)} characters.",
                remedy="Leave out the recognizers of your own, and report it if the error stays.",
            ) from None
        finally:
            _CHOSEN.reset(token)
        return results


def plain_analyzer(settings: PrivacySettings) -> AnalyzerEngine:
    """The reference: Presidio's own engine and enhancer, every recognizer run on every text."""
    languages = list(settings.languages)
    nlp, recognizers, enhancer = _parts_of(settings)
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers, supported_languages=languages),
        nlp_engine=nlp,
        supported_languages=languages,
        default_score_threshold=settings.threshold,
        context_aware_enhancer=enhancer,
    )


def _narrowed(known: Sequence[EntityRecognizer], candidate: Candidates) -> EntityRecognizer:
    """A recognizer with the patterns that matched: one that did not would have given nothing."""
    recognizer = known[candidate.recognizer]
    if candidate.patterns is None or len(candidate.patterns) == len(recognizer.patterns) or not narrows(recognizer):
        return recognizer
    narrow = copy.copy(recognizer)
    narrow.patterns = [recognizer.patterns[number] for number in candidate.patterns]
    return narrow


def _parts_of(
    settings: PrivacySettings,
) -> tuple[NlpEngine, list[EntityRecognizer], LemmaContextAwareEnhancer | None]:
    """NLP engine, recognizers in a fixed order, and the enhancer if the settings' YAML names one."""
    nlp: NlpEngine = LightNlpEngine(settings.languages)
    enhancer = None
    recognizers = _stock(settings)
    if settings.ner is not None:
        nlp, named, enhancer = ner_engine(settings)
        known = {(one.name, one.supported_language) for one in recognizers}
        recognizers += [one for one in named if (one.name, one.supported_language) not in known]
    recognizers = with_given(_with_ours(recognizers, settings), settings)
    for one in recognizers:
        one.score_thresholds = one.score_thresholds | settings.thresholds
    unasked = set(settings.without)
    recognizers = [one for one in recognizers if not unasked.issuperset(one.supported_entities)]
    return nlp, _wanted(recognizers, settings.entities), enhancer


def _stock(settings: PrivacySettings) -> list[EntityRecognizer]:
    """The recognizers that Presidio enables, for every language."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the NER recognizer that is taken out below
        provider = RecognizerRegistryProvider(registry_configuration={"supported_languages": list(settings.languages)})
        recognizers = provider.create_recognizer_registry().recognizers
    for one in recognizers:
        if type(one) is PhoneRecognizer:
            one.supported_regions = regions_of(one.supported_language, settings.regions)
    return [one for one in recognizers if not isinstance(one, SpacyRecognizer)]


def _with_ours(recognizers: list[EntityRecognizer], settings: PrivacySettings) -> list[EntityRecognizer]:
    """Ours beside the stock ones, and in place of those that they stand in for."""
    kept = [one for one in recognizers if one.name not in REPLACED]
    return kept + [
        one
        for language in settings.languages
        for one in own_recognizers(language, regions_of(language, settings.regions))
    ]


def _wanted(recognizers: list[EntityRecognizer], entities: Sequence[str] | None) -> list[EntityRecognizer]:
    if entities is None:
        return recognizers
    known = _entities_of(recognizers)
    unknown = unknown_entities(entities, sorted(known))
    if unknown:
        raise TuneGateError("usage", f"No recognizer knows {len(unknown)} of the entities.", errors=unknown)
    return [one for one in recognizers if not set(entities).isdisjoint(one.supported_entities)]


def _entities_of(recognizers: Sequence[EntityRecognizer]) -> set[str]:
    return {name for one in recognizers for name in one.supported_entities}
