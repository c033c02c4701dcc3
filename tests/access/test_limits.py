"""Limits, quotas and headers of a running service."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.verbs.keys import key_store
from tests.access.conftest import DESK, House, new_job, seeded

ENDPOINT = "http://127.0.0.1:9/v1"  # refused before it is asked
SIZE = len((DESK / "train.jsonl").read_bytes())


@pytest.fixture(scope="module")
def house(serve: Callable[..., House]) -> House:
    return serve(
        TUNEGATE_AUTH="required", TUNEGATE_PROJECT_BYTES=str(SIZE + 10), TUNEGATE_PROJECT_JOBS="1",
        TUNEGATE_PROJECT_EVALUATIONS="1", TUNEGATE_ENDPOINTS=ENDPOINT,
    )  # fmt: skip


def test_a_key_is_told_what_is_left_and_then_when_to_come_back(house: House) -> None:
    secret = house.key("counted", requests_per_minute=2).secret
    # five requests touch two minutes at most, and one of them has three
    answers = [house.ask("GET", "/v1/jobs", secret) for _ in range(5)]
    assert (answers[0].headers["ratelimit-limit"], answers[0].headers["ratelimit-remaining"]) == ("2", "1")
    refused = [one for one in answers if one.status_code != 200]
    assert refused
    for one in refused:
        house.refused(one, 429, "rate_limited")
        assert 0 < int(one.headers["retry-after"]) <= 60
        assert one.headers["ratelimit-remaining"] == "0"
    other = house.ask("GET", "/v1/jobs", house.key("counted").secret)
    assert (other.status_code, "ratelimit-limit" in other.headers) == (200, False)


def test_a_project_keeps_no_more_than_it_may(house: House) -> None:
    secret = house.key("full").secret
    made = house.upload(secret)["id"]
    assert house.upload(secret)["id"] == made  # the same again takes no room
    more = (DESK / "train.jsonl").read_bytes().replace(b"library", b"Library")
    query = {"target": "local", "privacy": "off"}
    answer = house.ask("POST", "/v1/datasets", secret, params=query, content=more)
    assert int(answer.headers["retry-after"]) > 0
    house.refused(answer, 429, "quota_exceeded")
    kept = [path for path in house.settings.home.rglob("*") if path.is_file() and "full" in path.parts]
    assert len(kept) == 1
    assert list(house.settings.uploads.glob("*")) == []
    house.upload(house.key("roomy").secret)
    house.ask("DELETE", f"/v1/datasets/{made}", secret)
    assert house.ask("POST", "/v1/datasets", secret, params=query, content=more).status_code == 201


def test_a_project_has_no_more_jobs_at_once_than_it_may(house: House) -> None:
    secret = house.key("busy").secret
    ids = seeded(house, "busy", secret)
    overrides = [{"code": "no_baseline_evaluation", "reason": "launched for its quota alone"}]
    wanted = {"dataset_id": ids["datasets"], "model": "base", "technique": "lora", "overrides": overrides}
    body = {"plan_id": house.ask("POST", "/v1/plans", secret, json=wanted).json()["id"]}
    answer = house.ask("POST", "/v1/jobs", secret, json=body)
    house.refused(answer, 429, "quota_exceeded")
    assert int(answer.headers["retry-after"]) > 0
    with key_store(house.settings) as store:
        store.of("elsewhere").add_job(new_job("elsewhere"), None)
    assert house.ask("POST", f"/v1/jobs/{ids['jobs']}/cancel", secret).status_code == 202


def test_a_project_has_no_more_evaluations_at_once_than_it_may(house: House) -> None:
    secret = house.key("measuring").secret
    ids = seeded(house, "measuring", secret)  # one that has not ended is there
    known = sorted(house.settings.evaluations.glob("*"))
    body = {"dataset_id": ids["datasets"], "models": [{"id": "m", "name": "m", "endpoint": ENDPOINT}]}
    answer = house.ask("POST", "/v1/evaluations", secret, json=body)
    house.refused(answer, 429, "quota_exceeded")
    assert int(answer.headers["retry-after"]) > 0
    assert sorted(house.settings.evaluations.glob("*")) == known
    assert house.ask("POST", f"/v1/evaluations/{ids['evaluations']}/cancel", secret).status_code == 202
    assert [one["id"] for one in house.ask("GET", "/v1/evaluations", secret).json()["items"]] == [ids["evaluations"]]


def test_every_answer_tells_browsers_what_not_to_do(house: House) -> None:
    secret = house.key("shown").secret
    html = {"Accept": "text/html"}
    pages = [
        house.ask("GET", "/v1/rules/ids/R030", secret, headers=html),
        house.ask("GET", "/v1/jobs/none", secret),
        house.ask("GET", "/v1/jobs", None),
        house.client.get("/nowhere"),
    ]
    assert pages[0].headers["content-type"].startswith("text/html")
    for answer in pages:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy  # so it is none
    assert {answer.headers["cache-control"] for answer in pages[:3]} == {"no-store"}
    # the policy would break a page that has any of these
    assert "<script" not in pages[0].text
    assert " src=" not in pages[0].text


ODD = ["..", "%2e%2e", "..%2f..%2fservice.lock", "%2e%2e%2f", "x%0a", "%00", "~", "a%5c..%5cb", "%c0%ae"]


@pytest.mark.parametrize("odd", ODD)
def test_no_identifier_is_a_path(house: House, odd: str) -> None:
    secret = house.key("paths", "read", "write", "launch").secret
    for room in ("datasets", "decisions", "estimates", "plans", "jobs", "evaluations", "rules"):
        answer = house.ask("GET", f"/v1/{room}/{odd}", secret)
        assert answer.status_code in {400, 404}, (room, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    for path in (f"jobs/{odd}/artifact/manifest.json", f"jobs/x/artifact/{odd}", f"jobs/{odd}/logs"):
        assert house.ask("GET", f"/v1/{path}", secret).status_code in {400, 404}
    assert house.ask("DELETE", f"/v1/datasets/{odd}", secret).status_code in {400, 404, 405}
    assert (house.settings.home / "service.lock").exists()
