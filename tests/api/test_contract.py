"""The contract as it is served, and what a client need not fetch again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FACTS = {"gap.kind": "behaviour", "eval.exists": True, "data.rows": 500}


def test_what_is_served_is_what_is_kept(server: Any) -> None:
    kept = json.loads((ROOT / "openapi" / "openapi.json").read_text())
    for _ in range(2):
        assert server.http.get("/schema/openapi.json").json() == kept
    assert server.http.get("/schema/openapi.yaml").text.startswith("components:")


def test_the_page_names_every_route_and_loads_nothing(server: Any) -> None:
    answer = server.http.get("/schema")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy == server.http.get("/health/live").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    kept = json.loads((ROOT / "openapi" / "openapi.json").read_text())
    assert [path for path in kept["paths"] if f"<code>{path}</code>" not in answer.text] == []
    assert "<script" not in answer.text
    assert "://" not in answer.text.replace("http://www.w3.org", "")


def test_objects_that_refuse_unknown_fields_say_so_and_links_lead_on() -> None:
    kept = json.loads((ROOT / "openapi" / "openapi.json").read_text())
    assert kept["components"]["schemas"]["PlanRequest"]["additionalProperties"] is False
    assert "additionalProperties" not in kept["components"]["schemas"]["Decision"]
    made = kept["paths"]["/v1/plans"]["post"]["responses"]["201"]["links"]
    assert made["jobs_launch_plan_id"]["requestBody"] == {"plan_id": "$response.body#/id"}
    assert made["plans_show"]["parameters"] == {"path.identifier": "$response.body#/id"}
    names = [one["operationId"] for path in kept["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("written", ["{tag}", 'W/{tag}, "another"', '"another", {tag}', "*"])
def test_what_the_client_has_is_not_sent_again(server: Any, written: str) -> None:
    made = server.http.post("/v1/decisions", json={"facts": FACTS}).json()
    path = f"/v1/decisions/{made['id']}"
    first = server.http.get(path)
    tag = first.headers["etag"]
    again = server.http.get(path, headers={"If-None-Match": written.format(tag=tag)})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["vary"] == first.headers["vary"]
    page = server.http.get(path, headers={"Accept": "text/html", "If-None-Match": tag})
    assert page.status_code == 200
    assert page.headers["etag"] != tag
    assert server.http.get(path, headers={"If-None-Match": '"another"'}).content == first.content


def test_problems_have_no_tag(server: Any) -> None:
    answer = server.http.get(f"/v1/decisions/{'0' * 64}", headers={"If-None-Match": "*"})
    assert answer.status_code == 404
    assert "etag" not in answer.headers


def test_every_mistake_in_an_estimate_is_told_whatever_unknown_fields_are_called(server: Any) -> None:
    answer = server.http.post("/v1/estimates", json={"model": "phi-4", "-a.b": 1, "gpu": True, "micro_batch": 0})
    assert answer.status_code == 400
    assert [one["where"] for one in answer.json()["errors"]] == ["-a.b", "gpu", "micro_batch"]
