"""How a dataset is redacted: what is looked for, and what stands in its place; every mistake in it told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError, missing_extra, suggestion
from service.privacy.allowed import Allowed
from service.privacy.found import Found
from service.privacy.redaction.row import Scan
from service.privacy.redaction.ways import WAYS
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings
from service.records.lint_report import NotScanned
from service.verbs.lint_privacy import AUTO, TOLD_APART, PrivacyRequest

WITH = WAYS
EVERYTHING = "all"
# an address of a page, a day and a random id identify nobody by themselves, and a set without them teaches less
ONLY_IF_NAMED = ("DATE_TIME", "DOMAIN_NAME", "URL", "UUID")
_LANGUAGE = re.compile(r"[a-z]{2}\Z")
_SHOWN = 40
_SCANNERS = 4

# whether a value of an entity is no finding
MayStay = Callable[[str, str], bool]


class RedactOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`entities` are names, `all`, or none for all but ONLY_IF_NAMED. A text is scanned as each of the languages.

    `settings` are those of the scan that no option names, `allowed` says which values may stay.
    """

    way: str = "pseudonyms"
    entities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    threshold: float = PrivacySettings().threshold
    settings: PrivacySettings = PrivacySettings()
    allowed: MayStay | None = None

    def told(self) -> dict[str, Any]:
        """The options as a record has them."""
        return {
            "with": self.way,
            "entities": list(self.entities),
            "languages": list(self.languages),
            "threshold": self.threshold,
        }


def configured(
    asked: PrivacyRequest, *, way: str, entities: tuple[str, ...], languages: tuple[str, ...], threshold: float | None
) -> RedactOptions:
    """The options, over what a [privacy] table says: languages, threshold, regions, a model, values that may stay."""
    settings = asked.settings
    if asked.mode != "ner":
        settings = msgspec.structs.replace(settings, ner=None, require_ner=False)
    # a language that would have to be told of every text: as each of them finds no less
    told_apart = TOLD_APART if AUTO in asked.languages else settings.languages
    return RedactOptions(
        way=way,
        entities=entities,
        languages=languages or told_apart,
        threshold=settings.threshold if threshold is None else threshold,
        settings=settings,
        allowed=Allowed(asked.allow) if asked.allow else None,
    )


def scan_of(options: RedactOptions) -> Scan:
    """A scan for what the options ask for.

    Raises:
        TuneGateError: `invalid_input` with every option that cannot be used, `missing_extra`.
    """
    errors = wrong(options)
    if not errors and _named(options):
        errors = _unknown(options)
    if errors:
        raise TuneGateError(
            "invalid_input",
            f"{len(errors)} option(s) cannot be used.",
            remedy="See: tunegate redact --help, or GET /schema.",
            errors=errors,
        )
    scanner, allowed = scanner_of(options), options.allowed

    def scan(text: str, context: tuple[str, ...]) -> Sequence[Found]:
        return [
            one
            for language in options.languages
            for one in scanner.scan(text, language=language, context=context)
            if not (allowed and allowed(one.entity, text[one.start : one.end]))
        ]

    return scan


def wrong(options: RedactOptions) -> list[ErrorItem]:
    """What can be told without the recognizers."""
    errors = []
    if options.way not in WAYS:
        shown = options.way[:_SHOWN]
        errors.append(ErrorItem("with", shown, ", ".join(WAYS), suggestion(shown, WAYS) or None))
    errors += [
        ErrorItem("language", code[:_SHOWN], "codes of two letters (ISO 639-1), as en, de, tl")
        for code in options.languages or ("",)
        if not _LANGUAGE.match(code)
    ]
    if not 0 <= options.threshold <= 1:
        errors.append(ErrorItem("threshold", f"{options.threshold:g}", "a number from 0 to 1"))
    if EVERYTHING in options.entities and len(options.entities) > 1:
        errors.append(ErrorItem("entities", f"{EVERYTHING} and others", f"{EVERYTHING}, or names"))
    return errors


def not_scanned(options: RedactOptions) -> list[NotScanned]:
    """What stays although it may be there."""
    found = [NotScanned(one.what, f"NOT looked for: {one.why}") for one in scanner_of(options).unscanned]
    if _named(options):
        found.append(NotScanned("other entities", "only those that were named are redacted"))
    elif not options.entities:
        found.append(NotScanned(", ".join(ONLY_IF_NAMED), "redacted only when they are named"))
    languages = ", ".join(options.languages)
    found.append(NotScanned(f"personal data in other languages than {languages}", f"texts are scanned as {languages}"))
    return found


def _named(options: RedactOptions) -> tuple[str, ...]:
    return () if options.entities == (EVERYTHING,) else options.entities


def scanner_of(options: RedactOptions) -> Scanner:
    """One for all runs with the same settings."""
    return _made(msgspec.json.encode(settings_of(options, _named(options) or None), order="deterministic"))


@lru_cache(_SCANNERS)
def _made(settings: bytes) -> Scanner:
    """Loading the recognizers takes longer than to redact a small file; a service does it once."""
    return Scanner(msgspec.json.decode(settings, type=PrivacySettings))


def settings_of(options: RedactOptions, entities: tuple[str, ...] | None = None) -> PrivacySettings:
    """The settings of the scan; `entities` are those that are named, None for all."""
    without = options.settings.without if options.entities else (*options.settings.without, *ONLY_IF_NAMED)
    return msgspec.structs.replace(
        options.settings, languages=options.languages, threshold=options.threshold, entities=entities, without=without
    )


def _unknown(options: RedactOptions) -> list[ErrorItem]:
    try:
        from service.privacy.analyzer import plain_analyzer
    except ImportError as error:
        raise missing_extra("privacy", "The privacy scan", error) from error
    every = plain_analyzer(settings_of(options))
    known = sorted({name for language in options.languages for name in every.get_supported_entities(language)})
    return [
        ErrorItem("entities", name[:_SHOWN], ", ".join(known), suggestion(name[:_SHOWN], known) or None)
        for name in options.entities
        if name not in known
    ]
