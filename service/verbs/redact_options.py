"""How a dataset is redacted: what is looked for, and what stands in its place; every mistake in it told at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from service.errors import ErrorItem, TuneGateError, missing_extra, suggestion
from service.privacy.found import Found
from service.privacy.redaction.row import Scan
from service.privacy.redaction.ways import WAYS
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings
from service.records.lint_report import NotScanned

WITH = WAYS
EVERYTHING = "all"
# an address of a page, a day and a random id identify nobody by themselves, and a set without them teaches less
ONLY_IF_NAMED = ("DATE_TIME", "URL", "UUID")
_LANGUAGE = re.compile(r"[a-z]{2,3}\Z")
_SHOWN = 40


class RedactOptions(msgspec.Struct, frozen=True, kw_only=True, rename={"way": "with"}):
    """`entities` are names, `all`, or none for all but ONLY_IF_NAMED."""

    way: str = "pseudonyms"
    entities: tuple[str, ...] = ()
    language: str = "en"
    threshold: float = PrivacySettings().threshold


def scan_of(options: RedactOptions) -> Scan:
    """A scan for what the options ask for.

    Raises:
        TuneGateError: `usage` with every option that cannot be used, `missing_extra`.
    """
    errors = wrong(options)
    if not errors and _named(options):
        errors = _unknown(options)
    if errors:
        raise TuneGateError("usage", f"{len(errors)} option(s) cannot be used.", errors=errors)
    scanner = _scanner(options)
    skipped = frozenset() if options.entities else frozenset(ONLY_IF_NAMED)

    def scan(text: str, context: tuple[str, ...]) -> Sequence[Found]:
        found = scanner.scan(text, language=options.language, context=context)
        return [one for one in found if one.entity not in skipped]

    return scan


def wrong(options: RedactOptions) -> list[ErrorItem]:
    """What can be told without the recognizers."""
    errors = []
    if options.way not in WAYS:
        errors.append(
            ErrorItem("with", options.way[:_SHOWN], ", ".join(WAYS), suggestion(options.way[:_SHOWN], WAYS) or None)
        )
    if not _LANGUAGE.match(options.language):
        errors.append(ErrorItem("language", options.language[:_SHOWN], "a code of two or three letters, as en, de, tl"))
    if not 0 <= options.threshold <= 1:
        errors.append(ErrorItem("threshold", f"{options.threshold:g}", "a number from 0 to 1"))
    if EVERYTHING in options.entities and len(options.entities) > 1:
        errors.append(ErrorItem("entities", "all and others", f"{EVERYTHING}, or names"))
    return errors


def not_scanned(options: RedactOptions) -> list[NotScanned]:
    """What stays although it may be there."""
    found = [NotScanned(one.what, one.why) for one in _scanner(options).unscanned]
    if not options.entities:
        found.append(NotScanned(", ".join(ONLY_IF_NAMED), "redacted only when they are named"))
    elif _named(options):
        found.append(NotScanned("other entities", "only those that were named are redacted"))
    return found


def _named(options: RedactOptions) -> tuple[str, ...]:
    return () if options.entities == (EVERYTHING,) else options.entities


def _scanner(options: RedactOptions) -> Scanner:
    return Scanner(
        PrivacySettings(languages=(options.language,), threshold=options.threshold, entities=_named(options) or None)
    )


def _unknown(options: RedactOptions) -> list[ErrorItem]:
    try:
        from service.privacy.analyzer import plain_analyzer
    except ImportError as error:
        raise missing_extra("privacy", "The privacy scan", error) from error
    every = plain_analyzer(PrivacySettings(languages=(options.language,)))
    known = sorted(every.get_supported_entities(options.language))
    return [
        ErrorItem("entities", name[:_SHOWN], ", ".join(known), suggestion(name[:_SHOWN], known) or None)
        for name in options.entities
        if name not in known
    ]
