"""Every error as application/problem+json (RFC 9457), unhandled ones without their text."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from service.errors import ErrorItem, TuneGateError
from service.observe.logs import place_of, request_id
from service.observe.metrics import PROBLEMS
from service.records.problem import Problem, problem_of

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("tunegate")
_RETRY_SECONDS = "5"
_EVERYWHERE = (400, 401, 403, 429, 500, 503)
# of every route that takes a body: too slow, too large
OF_BODIES = (408, 413)
# RFC 9110 section 11.6.1: a 401 names the ways in; RFC 6750 names the errors of Bearer
_WAYS_IN = 'Bearer realm="tunegate", ApiKey realm="tunegate"'
_HEADERS = {
    **{
        code: {"Retry-After": _RETRY_SECONDS}
        for code in ("busy", "worker_lost", "stopping", "not_ready", "identity_unreachable")
    },
    # what frees it is the caller's doing or the end of a job
    "quota_exceeded": {"Retry-After": "60"},
    # the rest of the body may never come (RFC 9110, 15.5.9)
    "body_stalled": {"Connection": "close"},
    "unauthorized": {"WWW-Authenticate": _WAYS_IN},
    "forbidden": {"WWW-Authenticate": 'Bearer realm="tunegate", error="insufficient_scope"'},
}
_CODES = {404: "not_found", 413: "too_large"}


def answer_of(problem: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A problem as a response."""
    PROBLEMS.labels(problem.code).inc()
    content = msgspec.json.encode(msgspec.structs.replace(problem, request_id=request_id.get() or msgspec.UNSET))
    headers = _HEADERS.get(problem.code, {}) | (headers or {})
    return Response(content, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_bytes(error: TuneGateError) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """A problem as body and headers, for where there is no route."""
    answer = answer_of(problem_of(error))
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    length = str(len(answer.content)).encode()
    return answer.content, [*headers, (b"content-type", MEDIA_TYPE.encode()), (b"content-length", length)]


def on_known(request: Request[Any, Any, Any], error: TuneGateError) -> Response[bytes]:
    """Our own errors."""
    del request
    return answer_of(problem_of(error))


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's errors: unknown routes, wrong methods, bodies that do not decode."""
    del request
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [
        ErrorItem(str(one.get("key") or one.get("source") or "body"), None, str(one.get("message", "")))
        for one in extra
        if isinstance(one, dict)
    ]
    problem = Problem(
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        code=_CODES.get(error.status_code, "invalid_input" if error.status_code == HTTPStatus.BAD_REQUEST else "usage"),
        detail=_detail(error),
        remedy="GET /schema describes every route and body.",
        errors=errors,
    )
    return answer_of(problem, dict(error.headers or {}))


def _detail(error: HTTPException) -> str:
    """The framework's words, but for those that repeat the query: it may hold what is asked about."""
    return "The request does not fit the contract." if isinstance(error, ValidationException) else error.detail


def on_anything(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug: its type and place go to the log, nothing of it to the caller."""
    route = request.scope.get("path_template") or "an unknown route"
    _LOG.error("%s %s: %s at %s", request.method, route, type(error).__name__, place_of(error))
    detail = "The service met a condition it does not handle; its log says where."
    return answer_of(problem_of(TuneGateError("internal", detail)))


HANDLERS: dict[int | type[Exception], Any] = {
    TuneGateError: on_known,
    HTTPException: on_http,
    Exception: on_anything,
}


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """The `responses` of a route: problem+json for what every route may answer and the given statuses."""
    texts = {status: HTTPStatus(status).phrase for status in (*_EVERYWHERE, *statuses)}
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=text, media_type=MEDIA_TYPE)
        for status, text in texts.items()
    }
