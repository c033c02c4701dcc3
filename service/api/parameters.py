"""Parameters that routes have in common."""

from __future__ import annotations

from typing import Annotated

from litestar.params import HeaderParameter, Parameter

Key = Annotated[str | None, HeaderParameter(name="Idempotency-Key", max_length=255)]
Limit = Annotated[int, Parameter(ge=1, le=500)]
