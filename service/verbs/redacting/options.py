"""How a dataset is redacted: what is looked for, and what stands in its place; every mistake in it told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from service.data import rule_files
from service.errors import ErrorItem, TuneGateError, suggestion
from service.privacy.allowed import Allowed
from service.privacy.escapes import plain
from service.privacy.fields import NEVER_JOINED, NEVER_READ
from service.privacy.found import Found
from service.privacy.known import known_entities
from service.privacy.languages import language_code, unknown_languages
from service.privacy.redaction.row import Scan
from service.privacy.redaction.ways import WAYS
from service.privacy.reserved import ReservedValues, reserved_rows
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings, unknown_entities
from service.records.lint_report import NotScanned
from service.settings import load_settings
from service.verbs.linting.privacy import AUTO, TOLD_APART, PrivacyRequest, unscanned_names

WITH = WAYS
EVERYTHING = "all"
# an address of a page, a day and a random id identify nobody by themselves, and a set without them teaches less
ONLY_IF_NAMED = ("DATE_TIME", "DOMAIN_NAME", "URL", "UUID")
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
    """The options, over what a [privacy] table says: entities, languages, threshold, regions, a model, values that may
    stay.
    """
    settings = asked.settings
    if asked.mode != "ner":
        settings = msgspec.structs.replace(settings, ner=None, require_ner=False)
    named = tuple(dict.fromkeys(language_code(code) for code in languages or asked.languages))
    codes = tuple(code for code in named if code != AUTO)
    if AUTO in named:
        # a language that would have to be told of every text: as each of them finds no less
        codes = codes or TOLD_APART
    return RedactOptions(
        way=way,
        entities=entities or settings.entities or (),
        languages=codes or settings.languages,
        threshold=settings.threshold if threshold is None else threshold,
        settings=settings,
        allowed=_may_stay(asked),
    )


def _may_stay(asked: PrivacyRequest) -> MayStay | None:
    """What is no finding: the values that are listed, and those that are nobody's if the table says so."""
    listed = Allowed(asked.allow)
    if asked.reserved != "allow":
        return listed if asked.allow else None
    reserved = ReservedValues(reserved_rows(rule_files(load_settings().rules)))
    return lambda entity, value: listed(entity, value) or reserved(entity, value)


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
            if not (allowed and allowed(one.entity, plain(text[one.start : one.end])))
        ]

    return scan


def wrong(options: RedactOptions) -> list[ErrorItem]:
    """What can be told without the recognizers."""
    errors = []
    if options.way not in WAYS:
        shown = options.way[:_SHOWN]
        errors.append(ErrorItem("with", shown, ", ".join(WAYS), suggestion(shown, WAYS) or None))
    errors += unknown_languages(options.languages or ("",), "language")
    if not 0 <= options.threshold <= 1:
        errors.append(ErrorItem("threshold", f"{options.threshold:g}", "a number from 0 to 1"))
    if EVERYTHING in options.entities and len(options.entities) > 1:
        errors.append(ErrorItem("entities", f"{EVERYTHING} and others", f"{EVERYTHING}, or names"))
    return errors


def not_scanned(options: RedactOptions) -> list[NotScanned]:
    """What stays although it may be there."""
    found = list(unscanned_names(scanner_of(options)))
    if _named(options):
        found.append(NotScanned("other entities", "only those that were named are redacted"))
    elif not options.entities:
        found.append(NotScanned(", ".join(ONLY_IF_NAMED), "redacted only when they are named"))
    languages = ", ".join(options.languages)
    found.append(NotScanned(f"personal data in other languages than {languages}", f"texts are scanned as {languages}"))
    return [*found, NotScanned(*NEVER_READ), NotScanned(*NEVER_JOINED)]


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
    return unknown_entities(options.entities, known_entities(settings_of(options)))
