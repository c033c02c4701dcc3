"""How schemathesis writes the bodies that are no JSON object."""

from __future__ import annotations

import json
from typing import Any

import schemathesis


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """The service that is tried is an open one: it asks for no key, and tests/access knocks at every route."""
    del context
    raw_schema.get("components", {}).pop("securitySchemes", None)
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)


@schemathesis.serializer("application/jsonl")
def lines(context: Any, value: Any) -> bytes:
    """A list as a row a line, anything else as one row."""
    del context
    rows = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(row, default=repr).encode() + b"\n" for row in rows)


@schemathesis.serializer("application/vnd.apache.parquet")
def parquet(context: Any, value: Any) -> bytes:
    """Not Parquet: bytes that only claim to be."""
    del context
    return b"PAR1" + json.dumps(value, default=repr).encode()


@schemathesis.deserializer("application/zip", "application/octet-stream", "application/jsonl")
def opaque(context: Any, response: Any) -> Any:
    """Bytes are bytes; what is in them other tests look at."""
    del context
    return response.content.decode("latin-1")
