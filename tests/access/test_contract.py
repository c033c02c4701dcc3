"""Every operation of the contract with keys that do not open it: refused as documented, nothing said, nothing done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.api.access import ROUTES
from service.records.access import SCOPES
from service.records.job import ENDED
from tests.access.conftest import House, seeded
from tests.access.test_routes import OUTSIDE, filled

# personal, and nowhere else in the world
CANARY = "wallaby.tremaine@quokkas.org"
_LINES = json.dumps({"messages": [{"role": "user", "content": CANARY}, {"role": "assistant", "content": CANARY}]})
Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def house(serve: Callable[..., House]) -> House:
    return serve(TUNEGATE_AUTH="required")


@pytest.fixture(scope="module")
def operations(house: House) -> list[Operation]:
    """(method, path, operation) of the whole contract, as it is served."""
    contract = house.client.get("/schema/openapi.json").json()
    found = [(m.upper(), path, one) for path, item in contract["paths"].items() for m, one in item.items()]
    assert {(method, path) for method, path, _ in found if path not in OUTSIDE} == {
        route for route in ROUTES if route[1] != "/mcp"
    }
    return [one for one in found if one[1] not in OUTSIDE]


@pytest.fixture(scope="module")
def ours(house: House) -> tuple[str, dict[str, str]]:
    """A key with every scope, and one of everything that it may reach."""
    secret = house.key("ours", *SCOPES).secret
    ids = seeded(house, "ours", secret)
    # there is nothing behind them, so they end; what is compared must stand still
    deadline = time.monotonic() + 120
    for room in ("jobs", "evaluations", "synth"):
        while house.ask("GET", f"/v1/{room}/{ids[room]}", secret).json()["state"] not in ENDED:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    return secret, ids


def sent(house: House, operation: Operation, ids: dict[str, str], secret: str | None) -> Any:
    """An operation on something that is there, with a body that would be taken but for the key."""
    method, path, described = operation
    content = described.get("requestBody", {}).get("content", {})
    more: dict[str, Any] = {}
    if "application/json" in content:
        media = content["application/json"]
        (example,) = (one["value"] for one in media["examples"].values())
        named = {f"{room[:-1]}_id": ids[room] for room in ("datasets", "plans")}
        body = example | {key: named[key] for key in named if key in example}
        more = {"json": body | {"user": CANARY} if path.endswith("completions") else body}
    elif content:
        more = {"content": _LINES, "params": {"target": "local", "privacy": "off"}}
    headers = {"Idempotency-Key": CANARY}
    return house.ask(method, filled(path, ids), secret, headers=headers, **more)


def refusals(house: House, operations: list[Operation], ids: dict[str, str], secret: str | None) -> Iterator[Any]:
    """(operation, answer), each of them a documented problem that repeats nothing."""
    for operation in operations:
        answer = sent(house, operation, ids, secret)
        assert str(answer.status_code) in operation[2]["responses"], (operation[:2], answer.text)
        assert answer.status_code < 500, (operation[:2], answer.text)
        told = f"{answer.text} {answer.headers}"
        assert CANARY not in told, operation[:2]
        assert secret is None or secret not in told
        yield operation, answer


def standing(house: House, secret: str, ids: dict[str, str]) -> Any:
    """All that the project has, as its own key reads it."""
    rooms = [room for room in ids if room not in {"webhooks", "deliveries", "runs"}]
    found = {room: house.ask("GET", f"/v1/{room}/{ids[room]}", secret).json() for room in rooms}
    runs = house.ask("GET", f"/v1/monitors/{ids['monitors']}/runs", secret).json()["items"]
    found["runs"] = [one["id"] for one in runs]
    found |= {
        f"all {room}": house.ask("GET", f"/v1/{room}", secret).json() for room in ("jobs", "evaluations", "audit")
    }
    hook = house.ask("GET", f"/v1/webhooks/{ids['webhooks']}", secret).json()
    # how often it was tried is the service's doing
    deliveries = house.ask("GET", f"/v1/webhooks/{ids['webhooks']}/deliveries", secret).json()["items"]
    sent_ids = {one["id"] for one in deliveries if one["type"] == "webhook.ping"}
    return found | {"webhooks": (hook["url"], hook["secrets"]), "deliveries": sent_ids}


def test_a_key_that_is_none_or_no_longer_one_opens_no_operation(
    house: House, operations: list[Operation], ours: tuple[str, dict[str, str]]
) -> None:
    secret, ids = ours
    before = standing(house, secret, ids)
    wrong = (None, secret[:-1] + ("A" if secret[-1] != "A" else "B"), house.expired("ours"), house.revoked("ours"))
    audit = {"all audit": standing(house, secret, ids)["all audit"]}  # the key that was revoked
    for one in wrong:
        for operation, answer in refusals(house, operations, ids, one):
            assert answer.headers["content-type"] == "application/problem+json", operation[:2]
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), operation[:2]
    assert standing(house, secret, ids) == before | audit


def test_a_key_without_its_scope_opens_no_operation(
    house: House, operations: list[Operation], ours: tuple[str, dict[str, str]]
) -> None:
    secret, ids = ours
    keys = {
        scope: house.key("ours", *(one for one in SCOPES if one not in {scope, "admin"})).secret for scope in SCOPES
    }
    before = standing(house, secret, ids)
    for scope, poor in keys.items():
        theirs = [one for one in operations if ROUTES[one[0], one[1]] == scope]
        assert theirs, scope
        for operation, answer in refusals(house, theirs, ids, poor):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), operation[:2]
    assert standing(house, secret, ids) == before


def test_another_projects_key_opens_nothing_of_ours(
    house: House, operations: list[Operation], ours: tuple[str, dict[str, str]]
) -> None:
    secret, ids = ours
    theirs = house.key("theirs", *SCOPES).secret
    before = standing(house, secret, ids)
    # what is named in the path, and what is named in the body
    naming = [one for one in operations if "{identifier}" in one[1] and "/rules/" not in one[1]]
    naming += [one for one in operations if one[:2] in {("POST", "/v1/plans"), ("POST", "/v1/jobs")}]
    for operation, answer in refusals(house, naming, ids, theirs):
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), operation[:2]
    known = json.dumps([*ids.values()])
    for _, answer in refusals(house, [one for one in operations if one not in naming], ids, theirs):
        assert not [one for one in json.loads(known) if len(one) < 40 and one in answer.text]
    assert standing(house, secret, ids) == before
