"""Bodies of JSON: what cannot be decoded is the caller's mistake, and what was decoded can be read a second time."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.exceptions import ClientException

from service.nesting import DEEPEST, too_deep

_DECODED = "decoded_body"


class JsonRequest(Request[Any, Any, Any]):
    """A request whose JSON is text and not nested endlessly."""

    async def json(self) -> Any:
        try:
            found = await super().json()
        except RecursionError as error:
            raise _too_deep() from error
        except UnicodeDecodeError as error:
            raise ClientException(f"The body is not UTF-8 (byte {error.start}).") from error
        if too_deep(found):
            raise _too_deep()
        self.scope["state"][_DECODED] = found
        return found


def decoded_body(request: Request[Any, Any, Any]) -> Any:
    """The JSON of a request that a route could not take; null where none was decoded."""
    return request.scope["state"].get(_DECODED)


def _too_deep() -> ClientException:
    return ClientException(f"The body is nested more than {DEEPEST} levels deep.")
