"""Recognizers of the user's own: a YAML list as Presidio reads it, every mistake told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import regex
from presidio_analyzer import EntityRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from service.errors import ErrorItem
from service.privacy.settings import PrivacySettings
from service.privacy.yaml_files import YamlFile

_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE
_SHOWN = 200


def with_given(recognizers: list[EntityRecognizer], settings: PrivacySettings) -> list[EntityRecognizer]:
    """The recognizers with those of the settings' file; one of an existing name takes its place, or (disabled) it away.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with every mistake, its file and line.
    """
    if settings.recognizers is None:
        return recognizers
    file = YamlFile(Path(settings.recognizers))
    rows = file.value.get("recognizers")
    if not isinstance(rows, list):
        raise file.error(
            "no list of recognizers", "recognizers: a list", "See conf/example_recognizers.yaml of presidio-analyzer."
        )
    flags = file.value.get("global_regex_flags", int(_FLAGS))
    errors: list[ErrorItem] = []
    given: list[EntityRecognizer] = []
    for place, row in enumerate(rows):
        mistakes = _pattern_mistakes(file, place, row)
        errors += mistakes
        if not mistakes:
            given += _built(file, place, row, flags, settings, errors)
    if errors:
        raise file.errors(errors)
    names = {row if isinstance(row, str) else row.get("class_name") or row.get("name") for row in rows}
    return [one for one in recognizers if one.name not in names] + given


def _pattern_mistakes(file: YamlFile, place: int, row: Any) -> list[ErrorItem]:
    """Expressions that the regex module does not read."""
    if not isinstance(row, dict):
        return []
    patterns = row.get("patterns")
    found = []
    for number, pattern in enumerate(patterns if isinstance(patterns, list) else []):
        expression = pattern.get("regex") if isinstance(pattern, dict) else None
        try:
            regex.compile(expression, flags=_FLAGS)
        except (regex.error, TypeError) as error:
            found.append(
                file.item(
                    ["recognizers", place, "patterns", number, "regex"],
                    f"recognizer {row.get('name')!r}: {error}",
                    "a regular expression of the regex module",
                    "Correct the expression.",
                )
            )
    return found


def _built(
    file: YamlFile, place: int, row: Any, flags: int, settings: PrivacySettings, errors: list[ErrorItem]
) -> list[EntityRecognizer]:
    languages = list(settings.languages)
    configuration = {"supported_languages": languages, "global_regex_flags": flags, "recognizers": [row]}
    try:
        provider = RecognizerRegistryProvider(registry_configuration=configuration)
        return list(provider.create_recognizer_registry().recognizers)
    except Exception as error:  # noqa: BLE001  # Presidio and its recognizers raise what they like here
        said = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
        remedy = "See conf/example_recognizers.yaml of presidio-analyzer."
        errors.append(file.item(["recognizers", place], said, "a recognizer as Presidio reads it", remedy))
        return []
