"""Reads the records that a command line names as files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from service.errors import TuneGateError

R = TypeVar("R")


def read_record(path: Path, kind: type[R]) -> R:
    """Decode one record file.

    Raises:
        TuneGateError: `unreadable_path` when it cannot be read, `invalid_input` when it is another thing.

    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TuneGateError(
            "invalid_input",
            f"{path}: not a {kind.__name__} record ({error}).",
            remedy="Give the JSON that tunegate wrote.",
        ) from error
