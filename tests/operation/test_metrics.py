"""What /metrics says: read by Prometheus' own parser, and with labels of few values only."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from service.lint.catalogue import rule_ids

ROWS = b'{"messages": [{"role": "user", "content": "a"}]}\n' * 3


def scraped(service: Any) -> dict[str, dict[tuple[str, ...], float]]:
    """name -> (values of the labels -> number), as Prometheus reads it."""
    answer = service.http.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def test_a_lint_is_counted_by_bytes_and_by_rule(service: Any) -> None:
    before = scraped(service)
    report = service.http.post("/v1/lint", params={"target": "local", "privacy": "off"}, content=ROWS).json()
    after = scraped(service)

    def more(name: str, *labels: str) -> float:
        return after[name].get(labels, 0) - before.get(name, {}).get(labels, 0)

    assert report["counts"]
    for rule, times in report["counts"].items():
        assert more("tunegate_findings_total", rule) == times
    assert more("tunegate_linted_bytes_total") == len(ROWS)
    assert more("tunegate_received_bytes_total", "/v1/lint") == len(ROWS)
    assert more("tunegate_sent_bytes_total", "/v1/lint") == len(json.dumps(report, separators=(",", ":")).encode())
    assert more("tunegate_requests_total", "tunegate", "POST", "/v1/lint", "200") == 1
    assert more("tunegate_request_duration_seconds_count", "tunegate", "POST", "/v1/lint", "200") == 1


def test_a_problem_is_counted_by_its_code(service: Any) -> None:
    before = scraped(service).get("tunegate_problems_total", {}).get(("unknown_id",), 0)
    service.http.get("/v1/jobs/0123")
    assert scraped(service)["tunegate_problems_total"]["unknown_id",] == before + 1


def test_every_state_of_jobs_and_evaluations_is_there_from_the_start(service: Any) -> None:
    found = scraped(service)
    assert found["tunegate_jobs"] == {
        (state,): 0
        for state in (
            "queued", "preparing", "running", "finalizing", "cancelling", "succeeded", "failed", "cancelled", "paused",
            "unknown",
        )
    }  # fmt: skip
    assert set(found["tunegate_evaluations"]) >= {("queued",), ("running",), ("succeeded",), ("failed",)}
    assert found["tunegate_queue_length"] == {("trainers",): 0, ("evaluations",): 0}
    assert found["tunegate_running_trainers"] == {(): 0}
    assert found["tunegate_database_up"] == {(): 1}


def test_no_label_takes_what_a_caller_chooses(service: Any) -> None:
    for n in range(20):
        service.http.get(f"/nowhere/{n}")
        service.http.get(f"/v1/jobs/{n}")
        service.http.get("/v1/jobs", params={"cursor": f"x{n}"}, headers={"X-Request-ID": f"id{n}"})
        service.http.post(f"/v1/lint?target=t{n}&model=m{n}", content=ROWS)
    routes = {*service.http.get("/schema/openapi.json").json()["paths"], "unmatched", "/mcp"}
    for name, samples in scraped(service).items():
        if name.startswith("tunegate_") and name.rsplit("_", 1)[-1] not in {"bucket", "created"}:
            values = {value for labels in samples for value in labels}
            assert not any(value.startswith(("id", "x1", "t1", "m1", "/nowhere")) for value in values), name
        if name in {"tunegate_received_bytes_total", "tunegate_sent_bytes_total"}:
            shown = {labels[0] for labels in samples}
            assert {one for one in shown if not one.startswith("/schema")} <= routes
        if name == "tunegate_findings_total":
            assert {labels[0] for labels in samples} <= set(rule_ids())
