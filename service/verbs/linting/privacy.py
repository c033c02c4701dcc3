"""The part of lint that looks for personal data: what is asked for, what can be had, and what the report must say."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError, missing_extra
from service.lint.catalogue import entries
from service.lint.languages import identifier
from service.lint.personal import READS, PrivacyScan
from service.lint.personal_counts import PersonalCounts
from service.lint.profile import Profile
from service.privacy.allowed import Allow, Allowed
from service.privacy.entities import EntityTable, entity_table
from service.privacy.fields import NEVER_JOINED, NEVER_READ
from service.privacy.reserved import ReservedAs, reserved_rows
from service.privacy.settings import PrivacySettings
from service.privacy.value_key import value_key
from service.records.lint_report import NotScanned
from service.settings import load_settings

if TYPE_CHECKING:
    from service.privacy.scanner import Scanner

Mode = Literal["off", "patterns", "ner"]
MODES: tuple[Mode, ...] = ("off", "patterns", "ner")
AUTO = "auto"
# those for which Presidio has recognizers of its own, or we have
TOLD_APART = ("en", "es", "it", "pl", "de", "fr")
# what the scan says of whole corpora
_OF_CORPUS = ("P041", "P042", "P043")
_EVERYTHING = "personal data and secrets"
LIBRARY = "presidio_analyzer"


class PrivacyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How to look for personal data and secrets.

    `mode` None looks for patterns where the optional part is installed; the report says so loudly where it is not.
    `languages` are codes that every text is scanned as, or "auto" (alone, or with the codes to choose from) to tell
    each row's; none stands for those of the settings. `allow` are values that are no findings, `reserved` is what
    becomes of values that are nobody's, and `sample` the share of rows that are scanned. `home` is the folder of the
    key that turns values into marks, None that of the environment.
    """

    mode: Mode | None = None
    languages: tuple[str, ...] = ()
    settings: PrivacySettings = PrivacySettings()
    allow: tuple[Allow, ...] = ()
    reserved: ReservedAs = "info"
    sample: float = 1.0
    home: Path | None = None


def scan_for(
    asked: PrivacyRequest, codes: Collection[str], profile: Profile, rules: RuleFiles
) -> tuple[PrivacyScan | None, str | None]:
    """(the scan that a request asks for, why there is none); `codes` are the rules that count.

    Raises:
        TuneGateError: `missing_extra` for a scan that was asked for by name and is not installed, `usage` or
            `invalid_input` for settings that cannot be, `environment` for a model that is required and not there.
    """
    if asked.mode == "off":
        return None, "the privacy scan is switched off"
    if not any(is_of_scan(code) for code in codes):
        return None, "none of its rules was asked for"
    if importlib.util.find_spec(LIBRARY) is None:
        if asked.mode is not None:
            raise missing_extra("privacy", "The privacy scan", ImportError(name=LIBRARY))
        return None, "NOTHING was looked for: the privacy scan is not installed; pip install 'tunegate[privacy]'"
    table = entity_table(rules)
    settings = settings_of(asked, table)
    auto = AUTO in asked.languages
    if auto:
        identifier()
    # told before anything is read
    Allowed(asked.allow)
    scan = PrivacyScan(
        settings=settings,
        table=table,
        key=value_key(asked.home or load_settings().home),
        allow=asked.allow,
        reserved=reserved_rows(rules),
        reserved_as=asked.reserved,
        sample=asked.sample,
        auto=auto,
        weights=profile.severity_of(entries()["R033"]) is None,
    )
    _ = scan.scanner
    return scan, None


def is_of_scan(code: str) -> bool:
    """Whether a rule has nothing to say without the scan."""
    return READS in entries()[code].reads or code in _OF_CORPUS


def settings_of(asked: PrivacyRequest, table: EntityTable) -> PrivacySettings:
    """The settings of the scan that a request asks for.

    Raises:
        TuneGateError: `usage` for names without a model.
    """
    settings = asked.settings
    if asked.mode == "ner" and settings.ner is None:
        raise TuneGateError(
            "invalid_input",
            "--privacy ner: no named-entity model is configured.",
            remedy='Name a Presidio configuration and its model: ner = "FILE.yaml" in [privacy] of tunegate.toml.',
        )
    if asked.mode != "ner":
        settings = msgspec.structs.replace(settings, ner=None, require_ner=False)
    languages = tuple(dict.fromkeys(code for code in asked.languages if code != AUTO))
    if AUTO in asked.languages:
        languages = languages or TOLD_APART
    # what no rule names need not be looked for
    without = tuple(sorted({*settings.without, *table.off}))
    return msgspec.structs.replace(settings, languages=languages or settings.languages, without=without)


def scan_identity(scan: PrivacyScan | None) -> Any:
    """What of a scan a report's id rests on: no path, no key, and nothing of the machine."""
    if scan is None:
        return None
    settings = msgspec.to_builtins(scan.settings)
    for name in ("ner", "recognizers"):
        if settings[name] is not None:
            settings[name] = hashlib.sha256(Path(settings[name]).read_bytes()).hexdigest()
    return [settings, msgspec.to_builtins(scan.allow), scan.sample, scan.auto, scan.reserved_as]


def scan_facts(scan: PrivacyScan | None, counts: PersonalCounts) -> dict[str, str | int]:
    """The facts that the advisor is told."""
    if scan is None:
        return {"data.pii_scan": "none"}
    names = scan.scanner.settings.ner is not None
    return {
        "data.pii_scan": "patterns-and-names" if names else "patterns",
        "data.pii_findings": counts.entities.total(),
    }


def scan_gaps(scan: PrivacyScan | None, why_not: str | None, counts: PersonalCounts, rows: int) -> Iterator[NotScanned]:
    """Everything that was not looked at or not counted, for the report."""
    if scan is None:
        yield NotScanned(_EVERYTHING, why_not or "")
        return
    yield from unscanned_names(scan.scanner)
    yield NotScanned(*NEVER_READ)
    yield NotScanned(*NEVER_JOINED)
    yield from _languages(scan, counts)
    if scan.sample < 1:
        yield NotScanned(
            f"{_EVERYTHING} of all rows", f"{counts.looked_at} of {rows} rows, a sample of {scan.sample:g}"
        )
    if counts.unread:
        yield NotScanned(f"{_EVERYTHING} of lines that are no row", f"{counts.unread} line(s) hold no JSON object")
    if counts.unread_files:
        yield NotScanned(f"{_EVERYTHING} of files that are not UTF-8", f"{counts.unread_files} file(s) (F006)")
    if counts.allowed:
        listed = ", ".join(f"{entity} x {times}" for entity, times in sorted(counts.allowed.items()))
        yield NotScanned("allowed values", f"found, and allowed by the settings: {listed}")
    yield from (NotScanned("the gate before the privacy scan", note) for note in scan.scanner.notes)


def unscanned_names(scanner: Scanner) -> Iterator[NotScanned]:
    """The entities that a scanner does not look for, one note for each reason."""
    entities: dict[str, list[str]] = {}
    for one in scanner.unscanned:
        entities.setdefault(one.why, []).append(one.what)
    for why, names in entities.items():
        yield NotScanned(", ".join(names), f"NOT looked for: {why}")


def _languages(scan: PrivacyScan, counts: PersonalCounts) -> Iterator[NotScanned]:
    """Recognizers and context words belong to a language."""
    named = ", ".join(scan.settings.languages)
    if scan.auto:
        told = ", ".join(f"{code} {rows}" for code, rows in sorted(counts.languages.items()))
        why = f"each row was scanned as the one it was told to be in (rows: {told or 'none'})"
        yield NotScanned(f"personal data in other languages than {named}", why)
    else:
        yield NotScanned(f"personal data in other languages than {named}", f"every text was scanned as {named}")
