"""Parquet: batches of rows; a null is what is absent."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.convert.records import Record
from service.errors import TuneGateError, missing_extra

_BATCH_ROWS = 1000


def read_parquet(path: Path, name: str) -> tuple[list[str], Iterator[Record]]:
    """(columns, records numbered from 1).

    Raises:
        TuneGateError: `missing_extra`, `unreadable_path`.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise missing_extra("parquet", "Reading Parquet", error) from error
    try:
        file = parquet.ParquetFile(path)
        return list(file.schema_arrow.names), _records(file, name)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error) from error


def _records(file: Any, name: str) -> Iterator[Record]:
    import pyarrow as pa

    number = 0
    try:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield Record(number, _plain(row))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> TuneGateError:
    return TuneGateError("unreadable_path", f"{name}: damaged, or no Parquet ({type(error).__name__}).")


def _plain(value: Any) -> Any:
    """Types that JSON has; the keys of a struct that are null in this row are left out."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, decimal.Decimal) else value
