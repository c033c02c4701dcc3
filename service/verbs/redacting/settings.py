"""The [privacy] table of a project's files: read, checked, and laid under what an option says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from service.data import rule_files
from service.errors import ErrorItem, TuneGateError, suggestion
from service.privacy.allowed import Allow, Allowed
from service.privacy.entities import entity_table
from service.privacy.known import known_entities
from service.privacy.languages import language_code
from service.privacy.reserved import ReservedAs
from service.privacy.settings import PrivacySettings, mistakes, unknown_entities
from service.privacy.spared import one_request, only_parts_of
from service.settings import Settings, load_settings
from service.verbs.linting.privacy import AUTO, Mode, PrivacyRequest

__all__ = ["PrivacyTable", "one_request", "privacy_request", "spare_models", "tables_of"]

_OF_SCAN = {field.name.replace("_", "-"): field for field in msgspec.structs.fields(PrivacySettings)}
# what a table may say beside the settings of a scan; `mode` is the option of the same name as the table
_BESIDE: dict[str, Any] = {
    "mode": Mode,
    "allow": tuple[Allow, ...],
    "reserved": ReservedAs,
    "sample": Annotated[float, msgspec.Meta(gt=0, le=1)],
}
_FILES = ("ner", "recognizers")
_SECRETS = "SECRET_"


class PrivacyTable(NamedTuple):
    """A table as it stands in a file: where that is, for messages, the file's folder, and the content."""

    where: str
    folder: Path
    content: Mapping[str, Any]


def privacy_request(
    tables: Sequence[PrivacyTable], *, mode: Mode | None = None, languages: Sequence[str] = ()
) -> PrivacyRequest:
    """What the tables and the options ask for: an option before a table, and a later table before an earlier one.

    A relative path in a table is relative to its file.

    Raises:
        TuneGateError: `invalid_input` with every unknown key and every value that cannot be meant.
    """
    found: dict[str, Any] = {}
    stands: dict[str, str] = {}
    errors: list[ErrorItem] = []
    for table in tables:
        values = dict(_values(table, errors))
        found |= values
        stands |= {key: f"{table.where}.{key}" for key in values}
        if "allow" in values:
            errors += _unreadable(table, values["allow"])
        if (mode or found.get("mode")) != "off":
            errors += _missing(table, values.get("recognizers"))
    if languages:
        stands["languages"] = "--language"
    named = tuple(dict.fromkeys(language_code(one) for one in languages or found.get("languages", ())))
    settings = PrivacySettings(**{field.name: found[key] for key, field in _OF_SCAN.items() if key in found})
    codes = tuple(code for code in named if code != AUTO)
    settings = msgspec.structs.replace(settings, languages=codes or PrivacySettings().languages)
    wrong = mistakes(settings)
    if not errors and (mode or found.get("mode")) != "off":
        usable = {one.where for one in wrong}.isdisjoint({"languages", "regions"})
        wrong += _unknown(settings, found.get("allow", ())) if usable else ()
    errors += [_placed(one, stands) for one in wrong]
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} wrong privacy setting(s).", errors=errors)
    return PrivacyRequest(
        mode=mode or found.get("mode"),
        languages=named,
        settings=settings,
        allow=found.get("allow", ()),
        reserved=found.get("reserved", "info"),
        sample=found.get("sample", 1.0),
    )


def _placed(one: ErrorItem, stands: Mapping[str, str]) -> ErrorItem:
    """The mistake with the file and the key that it stands at."""
    key, rest = re.match(r"(\w+)(.*)", one.where).groups()  # type: ignore[union-attr]
    return msgspec.structs.replace(one, where=stands.get(key, key) + rest)


def _unknown(settings: PrivacySettings, allow: Sequence[Allow]) -> list[ErrorItem]:
    """Names that no recognizer knows; the recognizers are asked where a name is not one of the table of kinds."""
    named = entity_table(rule_files(load_settings().rules)).named
    places = {f"thresholds.{name}": name for name in settings.thresholds}
    places |= {f"without[{number}]": name for number, name in enumerate(settings.without)}
    places |= {f"allow[{number}].entity": one.entity for number, one in enumerate(allow) if one.entity}
    odd = {where: name for where, name in places.items() if name not in named and not name.startswith(_SECRETS)}
    if settings.entities is None and not odd:
        return []
    try:
        known = known_entities(settings)
    except TuneGateError as error:
        if error.code != "missing_extra":
            raise
        return []  # nothing is scanned, and the report says so
    wrong = unknown_entities(settings.entities or (), known)
    every = sorted({*known, *named})
    return wrong + [one for where, name in odd.items() for one in unknown_entities([name], every, where)]


def tables_of(path: Path | None) -> list[PrivacyTable]:
    """The [privacy] table of a service's own file, as TUNEGATE_PRIVACY_SETTINGS names it.

    Raises:
        TuneGateError: `environment` for a file that cannot be read or has no such table.
    """
    if path is None:
        return []
    try:
        content = msgspec.toml.decode(path.read_bytes(), type=dict[str, Any]).get("privacy")
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("environment", f"TUNEGATE_PRIVACY_SETTINGS: {path}: {error}.") from error
    if not isinstance(content, dict):
        raise TuneGateError("environment", f"TUNEGATE_PRIVACY_SETTINGS: {path} has no [privacy] table.")
    return [PrivacyTable(f"{path.name}: privacy", path.parent, content)]


def spare_models(settings: Settings) -> None:
    """Say that this process scans for a service, whose requests name no models: see `service.privacy.spared`.

    Raises:
        TuneGateError: `environment`, `invalid_input` or `unreadable_path` for settings that cannot be used.
    """
    only_parts_of(privacy_request(tables_of(settings.privacy_settings)).settings)


def _values(table: PrivacyTable, errors: list[ErrorItem]) -> Iterator[tuple[str, Any]]:
    types = {key: field.type for key, field in _OF_SCAN.items()} | _BESIDE
    for key, value in table.content.items():
        where = f"{table.where}.{key}"
        if key not in types:
            hint = suggestion(key.replace("_", "-"), types)
            errors.append(ErrorItem(where, "an unknown key", ", ".join(sorted(types)), hint or None))
            continue
        try:
            read = msgspec.convert(value, types[key])
        except msgspec.ValidationError as error:
            errors.append(ErrorItem(where, str(error), 'as README "Privacy" has it'))
            continue
        yield key, str(table.folder / read) if key in _FILES and read is not None else read


def _missing(table: PrivacyTable, recognizers: str | None) -> Sequence[ErrorItem]:
    """A file that is not there; told where it is named, because nobody named it on the command line."""
    if recognizers is None or Path(recognizers).is_file():
        return ()
    remedy = "Write it (README, Privacy), correct the path, or take the key out."
    return [ErrorItem(f"{table.where}.recognizers", f"{recognizers}: no such file", "a YAML file", remedy)]


def _unreadable(table: PrivacyTable, allow: Sequence[Allow]) -> Sequence[ErrorItem]:
    """The patterns that are no regular expressions; told where they stand."""
    try:
        Allowed(allow)
    except TuneGateError as error:
        if error.code != "invalid_input":
            raise
        return [msgspec.structs.replace(one, where=f"{table.where}.{one.where}") for one in error.errors]
    return ()
