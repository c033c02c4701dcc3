"""Reads the records that a command line names as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from service.errors import TuneGateError
from service.nesting import DEEPEST, too_deep

R = TypeVar("R")
# editors on Windows write it
BOM = b"\xef\xbb\xbf"
# a few settings and a model's config; a device such as /dev/zero would never end
_MOST = 10 * 2**20


def read_record(path: Path, kind: type[R]) -> R:
    """Decode one record file.

    Raises:
        TuneGateError: `unreadable_path` when it cannot be read, `invalid_input` when it is another thing.

    """
    try:
        return msgspec.json.decode(path.read_bytes().removeprefix(BOM), type=kind)
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TuneGateError(
            "invalid_input",
            f"{path}: not a {kind.__name__} record ({error}).",
            remedy="Give the JSON that tunegate wrote.",
        ) from error


def read_object(path: Path) -> dict[str, Any]:
    """Decode one file that a person wrote: a JSON object.

    Raises:
        TuneGateError: `unreadable_path` when it cannot be read, `invalid_input` when it is another thing.

    """
    try:
        with path.open("rb") as handle:
            content = handle.read(_MOST + 1)
        if len(content) > _MOST:
            raise TuneGateError("invalid_input", f"{path}: larger than {_MOST // 2**20} MiB, which no inputs are.")
        found = msgspec.json.decode(content.removeprefix(BOM))
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TuneGateError("invalid_input", f"{path}: not JSON ({error}).") from error
    if too_deep(found):
        raise TuneGateError("invalid_input", f"{path}: nested more than {DEEPEST} levels deep.")
    if not isinstance(found, dict):
        raise TuneGateError("invalid_input", f"{path}: a JSON {type(found).__name__}; the inputs are an object.")
    return found
