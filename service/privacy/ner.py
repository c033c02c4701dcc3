"""A named-entity engine as the user's Presidio configuration describes it."""

from __future__ import annotations

import warnings
from pathlib import Path

from presidio_analyzer import AnalyzerEngineProvider, EntityRecognizer
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpEngine

from service.privacy.ner_models import languages
from service.privacy.settings import PrivacySettings
from service.privacy.yaml_files import YamlFile

_SHOWN = 200


def ner_engine(
    settings: PrivacySettings,
) -> tuple[NlpEngine, list[EntityRecognizer], LemmaContextAwareEnhancer | None]:
    """The NLP engine, the recognizers of its configuration, and its enhancer where the configuration describes one.

    The models have been seen on this machine before.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` for a configuration that Presidio refuses.
    """
    assert settings.ner is not None
    file = YamlFile(Path(settings.ner))
    lacking = sorted(set(settings.languages) - set(languages(file)))
    if lacking:
        raise file.errors(
            [
                file.item(
                    ["nlp_configuration", "models"], f"no model for {language}",
                    f"a model for each of {', '.join(settings.languages)}",
                    "Add one, or take the language out of the settings.",
                )
                for language in lacking
            ]
        )  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it adds the model's recognizer, as it should
            engine = AnalyzerEngineProvider(analyzer_engine_conf_file=file.path).create_engine()
    except Exception as error:  # Presidio and its engines raise what they like here
        said = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
        raise file.error(
            said, "a configuration as Presidio reads it", "See Presidio's analyzer engine files."
        ) from error
    enhancer = engine.context_aware_enhancer if "context_aware_enhancer" in file.value else None
    return engine.nlp_engine, list(engine.registry.recognizers), enhancer
