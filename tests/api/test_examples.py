"""Every example of the contract: bodies are sent as they stand, answers fit the schema beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest

from tests.access.conftest import House, serve

__all__ = ["serve"]
# sent by tests/chat/test_route.py, which has a model that answers
CHAT = "/v1/jobs/{identifier}/chat/completions"
# need a job that a cloud carried out, as those of tests/azure/test_deploy.py
ELSEWHERE = ("/v1/deployments", "/v1/deployments/plan")
# allowed; nobody listens there
ENDPOINT = "http://127.0.0.1:8000/v1"
RECEIVER = "https://hooks.example.com"


@pytest.fixture(scope="module")
def house(serve: Callable[..., House]) -> House:
    return serve(TUNEGATE_WEBHOOKS=RECEIVER, TUNEGATE_ENDPOINTS=ENDPOINT)


@pytest.fixture(scope="module")
def contract(house: House) -> Any:
    return house.client.get("/schema/openapi.json").json()


def examples(described: Any) -> Iterator[tuple[Any, Any]]:
    """(schema, example) of a body or an answer."""
    for media in described.get("content", {}).values():
        for one in media.get("examples", {}).values():
            yield media["schema"], one["value"]


def named(example: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """With the ids that the service gave, at any depth of objects."""
    filled = {key: named(value, ids) if isinstance(value, dict) else value for key, value in example.items()}
    return filled | {key: ids[key] for key in ids if key in example}


def fits(contract: Any, schema: Any, value: Any) -> None:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": contract["components"], **schema}
    jsonschema.validate(value, whole)


def test_every_body_is_answered_as_the_contract_says(house: House, contract: Any) -> None:
    ids = {"dataset_id": house.upload("")["id"]}
    sent = []
    # in the order in which one needs the other
    routes = ("decisions", "estimates", "plans", "jobs", "evaluations", "synth", "monitors", "webhooks")
    for path in (f"/v1/{one}" for one in routes):
        operation = contract["paths"][path]["post"]
        (status,) = (one for one in operation["responses"] if one.startswith("2"))
        for schema, example in examples(operation["requestBody"]):
            fits(contract, schema, example)
            answer = house.client.post(path, json=named(example, ids))
            assert answer.status_code == int(status), (path, answer.text)
            (media,) = operation["responses"][status]["content"].values()
            fits(contract, media["schema"], answer.json())
            ids["plan_id"] = answer.json()["id"] if path == "/v1/plans" else ids.get("plan_id", "")
            sent.append(path)
    described = [
        path
        for path, methods in contract["paths"].items()
        for operation in methods.values()
        if list(examples(operation.get("requestBody", {})))
    ]
    assert sorted([*sent, CHAT, *ELSEWHERE]) == sorted(described)


def test_a_body_that_needs_a_job_elsewhere_is_read(house: House, contract: Any) -> None:
    for path in ELSEWHERE:
        ((schema, example),) = examples(contract["paths"][path]["post"]["requestBody"])
        fits(contract, schema, example)
        assert house.client.post(path, json=example).json()["code"] == "unknown_id"


def test_every_answer_fits_its_schema(contract: Any) -> None:
    found = [
        (schema, example)
        for methods in contract["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        for schema, example in examples(answer)
    ]
    assert len(found) >= 10
    for schema, example in found:
        fits(contract, schema, example)


def test_one_that_does_not_fit_is_seen(contract: Any) -> None:
    schema, example = next(examples(contract["paths"]["/v1/jobs"]["post"]["responses"]["202"]))
    for wrong in (example | {"state": "done"}, {key: value for key, value in example.items() if key != "plan"}):
        with pytest.raises(jsonschema.ValidationError):
            fits(contract, schema, wrong)


def test_the_problem_that_is_shown_is_the_one_that_is_given(house: House, contract: Any) -> None:
    ((_, shown),) = examples(contract["paths"]["/v1/decisions"]["post"]["responses"]["422"])
    given = house.client.post("/v1/decisions", json={"facts": {"gap.knd": "behaviour"}}).json()
    assert {key: given[key] for key in ("title", "status", "code")} == {
        key: shown[key] for key in ("title", "status", "code")
    }
    assert "gap.kind" in str(given["errors"])
