"""An evaluation that really runs, in a project of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_endpoint import Endpoint, chat, right

from tests.access.conftest import House


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(right) as running:
        yield running


@pytest.fixture(scope="module")
def house(serve: Callable[..., House], endpoint: Endpoint) -> House:
    return serve(TUNEGATE_AUTH="required", TUNEGATE_ENDPOINTS=endpoint.url)


def test_its_data_and_its_record_are_the_projects_that_asked(house: House, endpoint: Endpoint) -> None:
    ours, theirs = house.key("speech").secret, house.key("other").secret
    rows = "".join(json.dumps(chat(f"question {n}", f"answer {n}")) + "\n" for n in range(4))
    query = {"target": "local", "privacy": "off"}
    dataset = house.ask("POST", "/v1/datasets", ours, params=query, content=rows).json()["id"]
    model = {"id": "m", "name": "m", "endpoint": endpoint.url, "concurrency": 1}
    body = {"dataset_id": dataset, "models": [model]}
    launched = house.ask("POST", "/v1/evaluations", ours, json=body, headers={"Idempotency-Key": "same"})
    assert launched.status_code == 202, launched.text
    path = f"/v1/evaluations/{launched.json()['id']}"
    found = ended(house, path, ours)
    assert (found["state"], len(endpoint.bodies) > 0) == ("succeeded", True), found
    record = found["evaluation"]["id"]
    decision = {"facts": {}, "evaluation_ids": [record]}
    assert house.ask("POST", "/v1/decisions", ours, json=decision).status_code == 201
    house.refused(house.ask("POST", "/v1/decisions", theirs, json=decision), 404, "unknown_id")
    house.refused(house.ask("GET", path, theirs), 404, "unknown_id")
    # the same Idempotency-Key in another project is another request, and its dataset is not there
    answer = house.ask("POST", "/v1/evaluations", theirs, json=body, headers={"Idempotency-Key": "same"})
    assert "no dataset of this id" in answer.text
    with_log = house.ask("GET", "/v1/audit", house.key("speech", "admin").secret).json()["items"]
    assert "evaluation.launched" in [one["action"] for one in with_log]


def ended(house: House, path: str, secret: str) -> Any:
    deadline = time.monotonic() + 120
    while True:
        found = house.ask("GET", path, secret).json()
        if found["state"] in {"succeeded", "failed", "cancelled"}:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
