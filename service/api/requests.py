"""Bodies of JSON: what cannot be decoded is the caller's mistake, and what was decoded can be read a second time."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ClientException, InternalServerException

from service.nesting import DEEPEST, too_deep
from service.verbs.receiving.uploads import client_left

_DECODED = "decoded_body"


class JsonRequest(Request[Any, Any, Any]):
    """A request whose JSON is text and not nested endlessly."""

    async def body(self) -> bytes:
        try:
            return await super().body()
        except InternalServerException as error:
            raise client_left() from error

    async def json(self) -> Any:
        try:
            found = await super().json()
        except RecursionError as error:
            raise _too_deep() from error
        except UnicodeDecodeError as error:
            raise ClientException(f"The body is not UTF-8 (byte {error.start}).") from error
        if too_deep(found):
            raise _too_deep()
        self._require_json_types(found)
        self.scope["state"][_DECODED] = found
        return found

    def _require_json_types(self, found: Any) -> None:
        """The framework converts bodies as leniently as queries, so that 0 passes for false and "4" for 4."""
        body = self.route_handler.parsed_fn_signature.parameters.get("data")
        if body is None:
            return
        try:
            msgspec.convert(found, body.raw)
        except msgspec.ValidationError as error:
            try:
                msgspec.convert(found, body.raw, strict=False, str_keys=True)
            except msgspec.ValidationError:
                return  # the framework finds it too, and tells it
            message, _, where = str(error).partition(" - at ")
            extra = [{"message": message, "key": where.strip("`").removeprefix("$."), "source": "body"}]
            raise ClientException("A value of the body has another type.", extra=extra) from error


def decoded_body(request: Request[Any, Any, Any]) -> Any:
    """The JSON of a request that a route could not take; null where none was decoded."""
    return request.scope["state"].get(_DECODED)


def _too_deep() -> ClientException:
    return ClientException(f"The body is nested more than {DEEPEST} levels deep.")
