"""Traces by OpenTelemetry, only where an address to send them to is set; spans hold routes, codes and ids, no text."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from service import __version__
from service.errors import missing_extra

_LOG = logging.getLogger("tunegate")
# the SDK's own variables
ADDRESSES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_FLUSH_MILLISECONDS = 5000
_SERVER_ERROR = 500
# ours alone, and not the process's: other libraries would add spans of their own, with texts in them
_provider: Any = None


def set_up_traces(env: Mapping[str, str] | None = None) -> bool:
    """Send spans where the environment says; returns whether they are sent."""
    global _provider
    values = os.environ if env is None else env
    if not any(values.get(name) for name in ADDRESSES):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _LOG.warning("No traces are sent. %s", missing_extra("otel", "OTEL_EXPORTER_OTLP_ENDPOINT", error).detail)
        return False
    name = values.get("OTEL_SERVICE_NAME") or "tunegate"
    _provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": __version__}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return True


def end_traces() -> None:
    """Send what is left; it waits for seconds where nobody takes it."""
    global _provider
    if _provider is not None:
        _provider.force_flush(_FLUSH_MILLISECONDS)
        _provider.shutdown()
        _provider = None


@contextmanager
def server_span(scope: Mapping[str, Any]) -> Iterator[Callable[[str, int], None]]:
    """The span of a request, under the caller's own; it is given the route and the status once they are known."""
    if _provider is None:
        yield _untold
        return
    from opentelemetry.trace import SpanKind, StatusCode

    carrier = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    method = scope["method"]
    with _started(method, carrier, SpanKind.SERVER, {"http.request.method": method}) as span:

        def told(route: str, status: int) -> None:
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR)

        yield told


def _untold(route: str, status: int) -> None:
    del route, status


@contextmanager
def step_span(step: str, job_id: str, traceparent: str) -> Iterator[None]:
    """The span of one step of a job, under the request that launched it."""
    if _provider is None:
        yield
        return
    from opentelemetry.trace import SpanKind

    with _started(f"job {step}", {"traceparent": traceparent}, SpanKind.INTERNAL, {"tunegate.job.id": job_id}):
        yield


def traceparent() -> str:
    """The span that runs now, as the W3C header has it; empty where none does."""
    if _provider is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def _started(name: str, carrier: dict[str, str], kind: Any, attributes: dict[str, str]) -> Iterator[Any]:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract(carrier)
    tracer = _provider.get_tracer("tunegate", __version__)
    # the text of an exception may hold what a person wrote
    with tracer.start_as_current_span(
        name, parent, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        yield span
