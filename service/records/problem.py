"""RFC 9457 problem details: the same object in HTTP answers, in `--format json` failures and in jobs."""

from __future__ import annotations

import msgspec

from service.errors import ErrorItem, TuneGateError


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is about:blank; `code` is what programs test on."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    remedy: str = ""
    errors: list[ErrorItem] = []
    # of an answer over HTTP: what the log calls the same request
    request_id: str | msgspec.UnsetType = msgspec.UNSET


def problem_of(error: TuneGateError) -> Problem:
    """The problem object of an error."""
    return Problem(
        title=error.title,
        status=error.status,
        code=error.code,
        detail=error.detail,
        remedy=error.remedy,
        errors=list(error.errors),
    )
