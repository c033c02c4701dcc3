"""The [privacy] table of a project's files: read, checked, and laid under what an option says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.privacy.allowed import Allow, Allowed
from service.privacy.settings import PrivacySettings, check
from service.privacy.spared import one_request
from service.verbs.lint_privacy import AUTO, Mode, PrivacyRequest

__all__ = ["PrivacyTable", "one_request", "privacy_request", "tables_of"]

_OF_SCAN = {field.name.replace("_", "-"): field for field in msgspec.structs.fields(PrivacySettings)}
# what a table may say beside the settings of a scan; `mode` is the option of the same name as the table
_BESIDE: dict[str, Any] = {
    "mode": Mode,
    "allow": tuple[Allow, ...],
    "sample": Annotated[float, msgspec.Meta(gt=0, le=1)],
}
_FILES = ("ner", "recognizers")


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
        TuneGateError: `invalid_input` with every unknown key and wrong value, `usage` for languages that are no codes.
    """
    found: dict[str, Any] = {}
    errors: list[ErrorItem] = []
    for table in tables:
        values = dict(_values(table, errors))
        found |= values
        if "allow" in values:
            errors += _unreadable(table, values["allow"])
        if (mode or found.get("mode")) != "off":
            errors += _missing(table, values.get("recognizers"))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} wrong privacy setting(s).", errors=errors)
    settings = PrivacySettings(**{field.name: found[key] for key, field in _OF_SCAN.items() if key in found})
    named = tuple(dict.fromkeys(languages)) or tuple(found.get("languages", ()))
    codes = tuple(code for code in named if code != AUTO)
    settings = msgspec.structs.replace(settings, languages=codes or PrivacySettings().languages)
    check(settings)
    return PrivacyRequest(
        mode=mode or found.get("mode"),
        languages=named,
        settings=settings,
        allow=found.get("allow", ()),
        sample=found.get("sample", 1.0),
    )


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
