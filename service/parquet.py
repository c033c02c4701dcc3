"""Parquet as rows: batches at constant memory, values that JSON has; a null is what is absent."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from service.errors import TuneGateError, missing_extra

MAGIC = b"PAR1"
_BATCH_ROWS = 1000


class Table(NamedTuple):
    """The names of the columns, how many rows there are, and these."""

    columns: list[str]
    size: int
    rows: Iterator[dict[str, Any]]


def read_parquet(path: Path, name: str) -> Table:
    """The rows of a file.

    Every struct has all keys of its column's schema, so a key that is null says nothing and is left out, at every
    depth.

    Raises:
        TuneGateError: `missing_extra`; `unreadable_path`, also while the rows are read.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise missing_extra("parquet", "Reading Parquet", error) from error
    try:
        file = parquet.ParquetFile(path)
        return Table(list(file.schema_arrow.names), int(file.metadata.num_rows), _rows(file, name))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, error) from error


def _rows(file: Any, name: str) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    with file:
        batches = file.iter_batches(batch_size=_BATCH_ROWS)
        while True:
            try:
                batch = next(batches, None)
                rows = [] if batch is None else batch.to_pylist()
            # text that is no UTF-8 and times beyond Python's are found only when they become values
            except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
                raise _damaged(name, error) from error
            if batch is None:
                return
            yield from map(_plain, rows)


def _damaged(name: str, error: Exception) -> TuneGateError:
    seen = f"{name}: damaged, or no Parquet ({type(error).__name__})."
    return TuneGateError("unreadable_path", seen, remedy="Write the file again, and send or name all of it.")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, decimal.Decimal) else value
