"""Every route of the app against every kind of caller; a new route is in the walk by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.api.access import ROUTES
from service.records.access import SCOPES
from tests.access.conftest import House, seeded

# what a probe or a scraper must reach without a key; nothing of a project is in it
OUTSIDE = {"/health/live", "/health/ready", "/metrics"}
# MCP's own methods: one route of the app takes them all
MCP = {"DELETE", "GET", "POST"}
CHAT = {"model": "fp32", "messages": [{"role": "user", "content": "When do you open?"}]}


@pytest.fixture(scope="module")
def house(serve: Callable[..., House]) -> House:
    return serve(TUNEGATE_AUTH="required")


def routes(house: House) -> Iterator[tuple[str, str]]:
    for route in house.app.routes:
        for method in sorted(getattr(route, "methods", ()) or MCP):
            if method != "OPTIONS":
                yield method, route.path_format


def filled(template: str, ids: dict[str, str]) -> str:
    """A path of the template; the id is the one that the part before it names."""
    room = "synth/records" if "/records/" in template else template.split("/")[-1 if template == "/mcp" else 2]
    parts = {"identifier": ids.get(room, "nothing"), "delivery": ids.get("deliveries", "nothing")}
    parts["run"] = ids.get("runs", "nothing")
    return template.format_map(parts | {"name": "fp32", "path": "x"})


def test_every_route_is_behind_the_door_or_known_to_stand_outside(house: House) -> None:
    inside = {route for route in routes(house) if route[1].startswith(("/v1", "/mcp"))}
    outside = {path for _, path in routes(house)} - {path for _, path in inside}
    assert inside == set(ROUTES)
    assert {path for path in outside if not path.startswith("/schema")} == OUTSIDE


def test_without_a_key_or_with_one_that_is_none_every_route_answers_401(house: House) -> None:
    good = house.key("team-a").secret
    wrong = [
        None, "", "tunegate", good[:-1], good + "A", good[:-4] + "AAAA", f"tunegate_{'0' * 12}_{good[-43:]}",
        "kéy".encode("latin-1"), "a.b.c", "x" * 20_000, house.expired("team-a"), house.revoked("team-a"),
    ]  # fmt: skip
    for n, (method, template) in enumerate(sorted(ROUTES)):
        # every kind somewhere, the usual ones everywhere
        for secret in (*wrong[:2], wrong[n % len(wrong)], *wrong[-2:]):
            answer = house.ask(method, filled(template, {}), secret)
            house.refused(answer, 401, "unauthorized")
            assert "Bearer" in answer.headers["www-authenticate"]
            assert answer.json()["remedy"]
    for secret in wrong:
        house.refused(house.ask("GET", "/v1/jobs", secret), 401, "unauthorized")


def test_a_key_without_the_scope_is_told_which_it_takes(house: House) -> None:
    for scope in SCOPES:
        others = [one for one in SCOPES if one not in {scope, "admin"}]
        secret = house.key("team-a", *others).secret
        for (method, template), wanted in ROUTES.items():
            if wanted == scope:
                answer = house.ask(method, filled(template, {}), secret)
                assert scope in house.refused(answer, 403, "forbidden")["detail"], (method, template)
                assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_both_headers_are_ways_in_and_two_keys_are_none(house: House) -> None:
    one, two = house.key("team-a").secret, house.key("team-b").secret
    get: Any = house.client.get
    assert get("/v1/jobs", headers={"Authorization": f"Bearer {one}"}).status_code == 200
    assert get("/v1/jobs", headers={"authorization": f"bearer  {one} "}).status_code == 200
    assert get("/v1/jobs", headers={"X-API-Key": one, "Authorization": f"Bearer {one}"}).status_code == 200
    both = {"X-API-Key": one, "Authorization": f"Bearer {two}"}
    house.refused(get("/v1/jobs", headers=both), 401, "unauthorized")
    house.refused(get("/v1/jobs", headers={"Authorization": f"Basic {one}"}), 401, "unauthorized")


def test_what_stands_outside_needs_no_key_and_names_nothing_of_a_project(house: House) -> None:
    secret = house.key("team-secret", "admin").secret
    made = house.upload(secret)["id"]
    house.ask("GET", f"/v1/datasets/{made}", secret)
    deadline = time.monotonic() + 60
    while house.client.get("/health/ready").status_code != 200:  # until the queues are polled
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for path in sorted(OUTSIDE):
        answer = house.client.get(path)
        assert answer.status_code == 200
        assert made not in answer.text
        assert "team-secret" not in answer.text
    contract = house.client.get("/schema/openapi.json").json()
    secured = {(m.upper(), p) for p, item in contract["paths"].items() for m, o in item.items() if o.get("security")}
    assert secured == {route for route in ROUTES if route[1] != "/mcp"}


def test_what_belongs_to_another_project_is_unknown_and_not_forbidden(house: House) -> None:
    ours, theirs = (house.key(project, *SCOPES).secret for project in ("ours", "theirs"))
    ids = seeded(house, "ours", ours)
    for method, template in sorted(ROUTES):
        if "{identifier}" not in template or template.startswith("/v1/rules"):
            continue
        body = {"json": CHAT} if template.endswith("completions") else {}
        foreign = house.ask(method, filled(template, ids), theirs, **body)
        made_up = house.ask(method, filled(template, {}), theirs, **body)
        assert foreign.status_code == 404, (method, template, foreign.text)
        apart = {"request_id": None}
        assert foreign.json() | apart == made_up.json() | apart, (method, template)
        # a queued job's events have no end
        if method == "GET" and not template.endswith("events"):
            assert house.ask(method, filled(template, ids), ours).status_code in {200, 409}, (method, template)


def test_another_projects_ids_are_unknown_in_bodies_too(house: House) -> None:
    ours, theirs = house.key("bodies").secret, house.key("others").secret
    ids = seeded(house, "bodies", ours)
    run = str(house.settings.runs / ids["jobs"] / "model")
    own = house.upload(theirs)["id"]
    foreign: list[tuple[str, dict[str, Any]]] = [
        ("decisions", {"facts": {}, "estimate_ids": [ids["estimates"]]}),
        ("estimates", {"model": run, "techniques": ["lora"]}),
        ("plans", {"dataset_id": own, "model": run, "technique": "lora"}),
        ("plans", {"dataset_id": own, "model": "base", "technique": "lora", "decision_id": ids["decisions"]}),
        ("plans", {"dataset_id": own, "technique": "lora", "starts_from": ids["jobs"]}),
        ("jobs", {"plan_id": ids["plans"]}),
    ]
    for route, body in foreign:
        house.refused(house.ask("POST", f"/v1/{route}", theirs, json=body), 404, "unknown_id")
    asked = house.ask("POST", "/v1/evaluations", theirs, json={"continues": ids["evaluations"]})
    assert "no evaluation of this id" in asked.text
    # their own dataset of equal content has the same id, so it goes first
    assert house.ask("DELETE", f"/v1/datasets/{own}", theirs).status_code == 204
    asked = house.ask("POST", "/v1/evaluations", theirs, json={"dataset_id": ids["datasets"]})
    assert "no dataset of this id" in asked.text
    plain: dict[str, dict[str, Any]] = {"decisions": {"facts": {}}, "estimates": {"model": "base"}, "plans": {}}
    for route, body in plain.items():
        named = body | {"dataset_id": ids["datasets"]} | ({"model": "base"} if route == "plans" else {})
        house.refused(house.ask("POST", f"/v1/{route}", theirs, json=named), 404, "unknown_id")
    for route, identifier in (("jobs", ids["jobs"]), ("evaluations", ids["evaluations"])):
        assert house.ask("GET", f"/v1/{route}", theirs).json()["items"] == []
        assert [one["id"] for one in house.ask("GET", f"/v1/{route}", ours).json()["items"]] == [identifier]
