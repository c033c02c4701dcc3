"""Builds the Litestar app; the only place that wires things together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Router
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins.prometheus import PrometheusConfig
from litestar.types import Message, Scope

from service import __version__
from service.api.access import SECURITY, admitted, caller_of
from service.api.agents import agents, end_agents
from service.api.audit import audit_log
from service.api.catalogue import Catalogues, Rules
from service.api.chat import Chat
from service.api.contract import Contract
from service.api.data import Datasets, lint_body, redact_body
from service.api.decide import Decisions, Estimates, Plans
from service.api.deployments import Deployments
from service.api.etags import ETags
from service.api.evaluations import Evaluations
from service.api.headers import safe_headers
from service.api.jobs import Jobs
from service.api.monitors import Monitors
from service.api.observed import Observed, Requests
from service.api.operation import live, metrics, ready
from service.api.problems import HANDLERS
from service.api.requests import JsonRequest
from service.api.synth import Syntheses
from service.api.webhooks import Webhooks
from service.settings import Settings, load_settings
from service.verbs.context import Context, running_context
from service.verbs.redacting.ready import privacy_prepared


def build_app(
    context: Context | None = None, *, settings: Settings | None = None, requests: Requests | None = None
) -> Litestar:
    """The app over an open context, or over one that it opens for its own lifetime; `requests` are its own."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        if context is not None:
            app.state.context = context
            with privacy_prepared(context.settings, context.rules, context.privacy_ready):
                yield
            return
        async with running_context(settings or load_settings(), stop_jobs=True) as own:
            app.state.context = own
            with privacy_prepared(own.settings, own.rules, own.privacy_ready):
                yield

    handlers: list[Any] = [
        Decisions, lint_body, redact_body, Datasets, Estimates, Plans, Jobs, Evaluations, Chat, Rules, Catalogues,
        Deployments, Monitors, Syntheses, Webhooks, audit_log,
    ]  # fmt: skip
    app = Litestar(
        route_handlers=[
            Router("/v1", route_handlers=handlers, guards=[admitted], security=SECURITY),
            live,
            ready,
            metrics,
            agents,
        ],
        lifespan=[lifespan],
        on_shutdown=[end_agents],
        dependencies={"context": Provide(_context, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        request_class=JsonRequest,
        middleware=[ETags(), PrometheusConfig(app_name="tunegate", prefix="tunegate", group_path=True).middleware],
        openapi_config=OpenAPIConfig(
            title="tunegate",
            version=__version__,
            description="Should we fine-tune, and how, where, with what? Then do it. Errors are problem+json.",
            create_examples=False,
            render_plugins=Contract().render_plugins(),
            components=Components(
                security_schemes={
                    "Bearer": SecurityScheme(type="http", scheme="bearer", description="A key, or a token (OIDC)."),
                    "ApiKey": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
                }
            ),
        ),
        before_send=[_allow_all_methods, safe_headers],
        on_app_init=[_quiet],
    )
    app.asgi_handler = Observed(app.asgi_handler, requests or Requests())
    return app


def _context(state: State, request: Request[Any, Any, Any]) -> Context:
    """As the caller sees it; what lies outside /v1 asks for nobody and touches no record."""
    context: Context = state.context
    caller = caller_of(request)
    return context if caller is None else context.of(caller)


def _quiet(config: AppConfig) -> AppConfig:
    """No request logging by the framework: its plugin would log bodies, and bodies are training data."""
    config.logging_config = None
    return config


async def _allow_all_methods(message: Message, scope: Scope) -> None:
    """Litestar's automatic OPTIONS answer names the first method of a path only; name them all."""
    if message["type"] != "http.response.start" or scope.get("method") != "OPTIONS":
        return
    template = scope.get("path_template")
    app: Litestar = scope["litestar_app"]
    methods = {m for route in app.routes if route.path_format == template for m in getattr(route, "methods", ())}
    if methods:
        kept = [(name, value) for name, value in message["headers"] if name.lower() != b"allow"]
        message["headers"] = [*kept, (b"allow", ", ".join(sorted(methods)).encode())]
