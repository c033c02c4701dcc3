"""Converts rows from memory through the verb."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.records.conversion import Conversion
from service.verbs.convert import ConvertRequest, convert

Converted = tuple[list[Any], Conversion]


@pytest.fixture(scope="session")
def converted_bytes() -> Callable[..., Converted]:
    """(bytes, output, options) -> (the rows of the output, none when nothing was written; the record)."""

    def run(raw: bytes, out: Path, **options: Any) -> Converted:
        out.unlink(missing_ok=True)
        record = convert(ConvertRequest(inputs=[(None, "-")], out=out, **options), stdin=io.BytesIO(raw))
        lines = out.read_bytes().split(b"\n")[:-1] if out.exists() else []
        return [json.loads(line) for line in lines], record

    return run


@pytest.fixture(scope="session")
def converted(converted_bytes: Callable[..., Converted]) -> Callable[..., Converted]:
    """The same for rows, each on its line."""

    def run(rows: list[Any], out: Path, **options: Any) -> Converted:
        return converted_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows), out, **options)

    return run
