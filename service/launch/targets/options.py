"""The options of a deployment, as its target knows them: everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion

Options = TypeVar("Options")
_SHOWN = 80


def options_of(kind: type[Options], given: Mapping[str, Any], target: str) -> Options:
    """A target's options from what was asked for; text is read as what it stands for (`"2"` as 2).

    Raises:
        TuneGateError: `invalid_input` with one item per option that is unknown or unusable.
    """
    fields = {field.name: field for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
    errors, values = [], {}
    for name, value in given.items():
        field = fields.get(name)
        if field is None:
            near = suggestion(name, fields)
            errors.append(ErrorItem(f"options.{name}", "an unknown option", ", ".join(fields), near or None))
            continue
        try:
            values[name] = msgspec.convert(value, field.type, strict=not isinstance(value, str))
        except msgspec.ValidationError as error:
            errors.append(ErrorItem(f"options.{name}", str(value)[:_SHOWN], str(error)))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} option(s) of {target} are unusable.", errors=errors)
    return kind(**values)
