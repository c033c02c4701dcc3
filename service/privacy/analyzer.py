"""Presidio's AnalyzerEngine with the recognizers that the settings name, and without any network."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import tldextract.tldextract
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from service.privacy.nlp import LightNlpEngine
from service.privacy.settings import PrivacySettings

# the e-mail recognizer asks for the public suffix of a domain, and tldextract would fetch the list on the first one;
# the list that it ships is used instead, and nothing is written below ~/.cache
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def stock_recognizers(settings: PrivacySettings) -> list[EntityRecognizer]:
    """The recognizers that Presidio enables, for every language, less those that ours stand in for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the NER recognizer that is taken out below
        provider = RecognizerRegistryProvider(registry_configuration={"supported_languages": list(settings.languages)})
        recognizers = provider.create_recognizer_registry().recognizers
    for one in recognizers:
        if type(one) is PhoneRecognizer:
            one.supported_regions = settings.regions
    return [one for one in recognizers if not isinstance(one, SpacyRecognizer)]


def recognizers_of(settings: PrivacySettings) -> list[EntityRecognizer]:
    """All recognizers in a fixed order, with the thresholds of the settings."""
    chosen = stock_recognizers(settings)
    if importlib.util.find_spec("service.privacy.recognizers"):
        module: Any = importlib.import_module("service.privacy.recognizers")
        chosen = [one for one in chosen if one.name not in module.REPLACED]
        for language in settings.languages:
            chosen += module.own_recognizers(language, settings)
    for one in chosen:
        one.score_thresholds = one.score_thresholds | settings.thresholds
    return chosen


def plain_analyzer(settings: PrivacySettings) -> AnalyzerEngine:
    """The reference: Presidio's own engine over these recognizers, every one of them run on every text."""
    languages = list(settings.languages)
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers_of(settings), supported_languages=languages),
        nlp_engine=LightNlpEngine(languages),
        supported_languages=languages,
        default_score_threshold=settings.threshold,
    )
