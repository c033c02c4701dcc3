"""Counters of Prometheus beside the framework's own; every label has few values, known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

RECEIVED = Counter("tunegate_received_bytes", "Bytes of request bodies", ["path"])
SENT = Counter("tunegate_sent_bytes", "Bytes of response bodies", ["path"])
LINTED = Counter("tunegate_linted_bytes", "Bytes of datasets that were linted")
FINDINGS = Counter("tunegate_findings", "Findings of lint, suppressed ones left out", ["rule"])
PROBLEMS = Counter("tunegate_problems", "Requests that ended in a problem, by its code", ["code"])
DATABASE_ERRORS = Counter("tunegate_database_errors", "Statements that the database failed", ["kind"])
WEBHOOKS = Counter("tunegate_webhook_tries", "Tries to deliver a webhook's message, by how they went", ["outcome"])

# name -> (what it is, label, value of the label -> number)
Gauges = Mapping[str, tuple[str, str, Mapping[str, float]]]


def count_lint(counts: Mapping[str, int], read_bytes: int) -> None:
    """Count a lint report: findings by rule id, and the bytes that were read."""
    LINTED.inc(read_bytes)
    for rule, times in counts.items():
        FINDINGS.labels(rule).inc(times)


def exposition(gauges: Gauges) -> tuple[bytes, str]:
    """(everything in OpenMetrics, its media type); `gauges` are read at the moment of asking."""
    return generate_latest(_Both(lambda: _families(gauges))), CONTENT_TYPE_LATEST


class _Both:
    """The registry of counters, and gauges that are kept nowhere."""

    def __init__(self, more: Callable[[], Iterable[Metric]]) -> None:
        self._more = more

    def collect(self) -> Iterable[Metric]:
        yield from REGISTRY.collect()
        yield from self._more()


def _families(gauges: Gauges) -> Iterable[Metric]:
    for name, (what, label, values) in gauges.items():
        family = GaugeMetricFamily(name, what, labels=[label] if label else [])
        for value, number in values.items():
            family.add_metric([value] if label else [], number)
        yield family
