"""The door of /v1: who calls, what they may, how often; a route that is not listed here is nobody's."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from service.access_settings import is_loopback
from service.errors import TuneGateError
from service.records.access import Caller, Scope
from service.verbs.context import Context
from service.verbs.entering.access import OPEN, Allowance
from service.verbs.keys import key_id

SECURITY: list[dict[str, list[str]]] = [{"ApiKey": []}, {"Bearer": []}]
_CALLER, _ALLOWANCE = "tunegate_caller", "tunegate_allowance"
_BEARER = b"bearer "
_PORT = re.compile(r":[0-9]*\Z")
_SAFE = {"GET", "HEAD", "OPTIONS"}
AGENTS = "/mcp"
Connection = ASGIConnection[Any, Any, Any, Any]

# what every key may see: nothing of a project is in it
_PUBLIC: tuple[tuple[str, str], ...] = tuple(
    ("GET", f"/v1{path}")
    for path in (
        "/rules", "/rules/{name}", "/rules/ids/{identifier}",
        "/models", "/hardware", "/targets", "/techniques", "/platforms",
    )
)  # fmt: skip
# (method, path) -> the scope that it takes, null for any key
ROUTES: dict[tuple[str, str], Scope | None] = dict.fromkeys(_PUBLIC) | {
    ("POST", "/v1/lint"): "lint",
    ("POST", "/v1/redact"): "lint",
    ("POST", "/v1/decisions"): "write",
    ("GET", "/v1/decisions/{identifier}"): "read",
    ("POST", "/v1/datasets"): "write",
    ("GET", "/v1/datasets/{identifier}"): "read",
    ("DELETE", "/v1/datasets/{identifier}"): "write",
    ("GET", "/v1/datasets/{identifier}/report"): "read",
    ("POST", "/v1/estimates"): "write",
    ("GET", "/v1/estimates/{identifier}"): "read",
    ("POST", "/v1/plans"): "write",
    ("GET", "/v1/plans/{identifier}"): "read",
    ("POST", "/v1/jobs"): "launch",
    ("GET", "/v1/jobs"): "read",
    ("GET", "/v1/jobs/{identifier}"): "read",
    ("DELETE", "/v1/jobs/{identifier}"): "write",
    ("GET", "/v1/jobs/{identifier}/events"): "read",
    ("GET", "/v1/jobs/{identifier}/logs"): "read",
    ("POST", "/v1/jobs/{identifier}/cancel"): "launch",
    ("POST", "/v1/jobs/{identifier}/pause"): "launch",
    ("POST", "/v1/jobs/{identifier}/resume"): "launch",
    ("GET", "/v1/jobs/{identifier}/artifacts"): "read",
    ("GET", "/v1/jobs/{identifier}/manifest"): "read",
    ("GET", "/v1/jobs/{identifier}/artifact"): "read",
    ("GET", "/v1/jobs/{identifier}/artifact/{path}"): "read",
    ("GET", "/v1/jobs/{identifier}/models"): "read",
    ("GET", "/v1/jobs/{identifier}/models/{name}"): "read",
    ("POST", "/v1/jobs/{identifier}/chat/completions"): "launch",
    ("POST", "/v1/evaluations"): "launch",
    ("GET", "/v1/evaluations"): "read",
    ("GET", "/v1/evaluations/{identifier}"): "read",
    ("DELETE", "/v1/evaluations/{identifier}"): "write",
    ("GET", "/v1/evaluations/{identifier}/events"): "read",
    ("POST", "/v1/evaluations/{identifier}/cancel"): "launch",
    ("POST", "/v1/synth"): "launch",
    ("GET", "/v1/synth"): "read",
    ("GET", "/v1/synth/{identifier}"): "read",
    ("DELETE", "/v1/synth/{identifier}"): "write",
    ("GET", "/v1/synth/{identifier}/events"): "read",
    ("GET", "/v1/synth/{identifier}/provenance"): "read",
    ("POST", "/v1/synth/{identifier}/cancel"): "launch",
    ("POST", "/v1/synth/records"): "write",
    ("GET", "/v1/synth/records/{identifier}"): "read",
    ("GET", "/v1/synth/records/{identifier}/provenance"): "read",
    ("DELETE", "/v1/synth/records/{identifier}"): "write",
    ("POST", "/v1/deployments/plan"): "read",
    ("POST", "/v1/deployments"): "launch",
    ("GET", "/v1/deployments"): "read",
    ("GET", "/v1/deployments/{identifier}"): "read",
    ("DELETE", "/v1/deployments/{identifier}"): "launch",
    # a monitor spends for ever, also when the key that made it is revoked
    ("POST", "/v1/monitors"): "admin",
    ("GET", "/v1/monitors"): "read",
    ("GET", "/v1/monitors/{identifier}"): "read",
    ("DELETE", "/v1/monitors/{identifier}"): "admin",
    ("GET", "/v1/monitors/{identifier}/runs"): "read",
    ("GET", "/v1/monitors/{identifier}/runs/{run}"): "read",
    # a webhook outlives the key that made it, and its address may hold a credential of the receiver's
    ("POST", "/v1/webhooks"): "admin",
    ("GET", "/v1/webhooks"): "admin",
    ("GET", "/v1/webhooks/{identifier}"): "admin",
    ("DELETE", "/v1/webhooks/{identifier}"): "admin",
    ("POST", "/v1/webhooks/{identifier}/secrets"): "admin",
    ("POST", "/v1/webhooks/{identifier}/enable"): "admin",
    ("POST", "/v1/webhooks/{identifier}/ping"): "admin",
    ("GET", "/v1/webhooks/{identifier}/deliveries"): "admin",
    ("POST", "/v1/webhooks/{identifier}/deliveries/{delivery}/retry"): "admin",
    ("GET", "/v1/audit"): "admin",
    # every tool of agents only reads, and keeps nothing
    ("POST", AGENTS): "lint",
    ("GET", AGENTS): "lint",
    ("DELETE", AGENTS): "lint",
}


async def admitted(connection: Connection, _: BaseRouteHandler) -> None:
    """Let a request in, or raise; nothing of its body has been read.

    Raises:
        TuneGateError: `unauthorized`, `forbidden`, `host_refused`, `cross_site`, `rate_limited`,
            `identity_unreachable`.
    """
    method = _method(connection)
    if method == "OPTIONS" and connection.scope["path_template"] != AGENTS:
        return  # what may be asked is in the contract, which is public
    context: Context = connection.app.state.context
    credentials = _credentials(connection)
    limiter = context.entering if all(map(key_id, credentials)) else context.verifying
    caller, allowance = await anyio.to_thread.run_sync(_entered, context, credentials, limiter=limiter)
    connection.scope["state"][_CALLER] = caller
    if allowance is not None:
        connection.scope["state"][_ALLOWANCE] = allowance
        if allowance.left < 0:
            raise TuneGateError(
                "rate_limited",
                f"More than {allowance.limit} requests in a minute.",
                remedy=f"Go on in {allowance.seconds} s.",
            )
    if caller is OPEN:
        _require_own_name(connection, context.hosts)
        _require_same_site(connection)
    _require_scope(caller, method, connection.scope["path_template"])


def caller_of(request: Request[Any, Any, Any]) -> Caller | None:
    """Who was let in; null for a route that has no door."""
    return caller_in(request.scope["state"])


def caller_in(state: dict[str, Any]) -> Caller | None:
    """The same of a request's state."""
    caller: Caller | None = state.get(_CALLER)
    return caller


def allowance_of(state: dict[str, Any]) -> Allowance | None:
    """What is left to a caller that is counted."""
    allowance: Allowance | None = state.get(_ALLOWANCE)
    return allowance


def _entered(context: Context, credentials: list[bytes]) -> tuple[Caller, Allowance | None]:
    caller = context.door.admit(credentials)
    return caller, context.door.count(caller)


def _credentials(connection: Connection) -> list[bytes]:
    """Every key or token that the request carries, as bytes: header text need not be ASCII."""
    found = []
    for name, value in connection.scope["headers"]:
        if name == b"x-api-key":
            found.append(value.strip())
        elif name == b"authorization":
            # another scheme is a credential too, and none of ours
            found.append(value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else value)
    return found


def _require_scope(caller: Caller, method: str, template: str) -> None:
    if (method, template) not in ROUTES:
        raise TuneGateError("forbidden", "This route has no scope, so no key opens it.", remedy="Tell the operator.")
    scope = ROUTES[method, template]
    if not caller.may(scope):
        raise TuneGateError(
            "forbidden",
            f"This takes the scope {scope}; the key has {', '.join(sorted(caller.scopes)) or 'none'}.",
            remedy="Use a key with that scope; `tunegate keys create --scope` gives it.",
        )


def _require_own_name(connection: Connection, hosts: frozenset[str] | None) -> None:
    """A page may have its own name lead to this machine, and is then of the same site: its name still gives it away."""
    if hosts is None:
        return
    named = [
        _PORT.sub("", value.decode("latin-1").lower()) for name, value in connection.scope["headers"] if name == b"host"
    ]
    if not all(name in hosts or is_loopback(name) for name in named):
        raise TuneGateError(
            "host_refused",
            "The service asks for no key, and the request names another host than this machine.",
            remedy="Ask 127.0.0.1, name the host in TUNEGATE_HOSTS, or make a key (`tunegate keys create`).",
        )


def _require_same_site(connection: Connection) -> None:
    """Where nothing is asked for, a page of another site must not act through the browser of who visits it."""
    origin = connection.headers.get("origin")
    if _method(connection) in _SAFE or origin is None:
        return
    if _place(origin) != connection.headers.get("host", "").lower():
        raise TuneGateError(
            "cross_site",
            "A page of another site asks through a browser.",
            remedy="Make a key (`tunegate keys create`); then pages need it too.",
        )


def _place(origin: str) -> str | None:
    """Host and port of an origin; none of what is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _method(connection: Connection) -> str:
    return str(connection.scope.get("method", ""))
