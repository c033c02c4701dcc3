"""A job's artifact and a model of the models folder, evaluated over real HTTP side by side."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Service


def ended(service: Service, identifier: str) -> Any:
    deadline = time.monotonic() + 200
    while True:
        found = service.http.get(f"/v1/evaluations/{identifier}").json()
        if found["state"] in {"succeeded", "failed", "cancelled"}:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_what_a_job_made_is_held_against_the_model_that_it_began_with(service: Service) -> None:
    turns = [{"role": "user", "content": "What about the quokka?"}]
    row = {"messages": [*turns, {"role": "assistant", "content": "The quokka is here."}]}
    data = (json.dumps(row) + "\n").encode() * 2
    dataset = service.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=data)["id"]
    models = [{"id": "tuned", "job_id": service.job, "precision": "fp32"}, {"model": "base"}]
    body = {"dataset_id": dataset, "models": models, "settings": {"max_new_tokens": 8}}
    done = ended(service, service.post("/v1/evaluations", json=body)["id"])
    assert done["state"] == "succeeded", done
    record = done["evaluation"]
    seen = [(cell["model"], cell["variant"], cell["answered"]) for cell in record["cells"]]
    assert sorted(seen) == [("base", "zero-shot", 2), ("tuned", "zero-shot-tuned", 2)]
    assert record["facts"]["eval.exists"] is True
    question = {"model": "fp32", "messages": turns, "max_tokens": 8, "temperature": 0}
    chatted = service.post(f"/v1/jobs/{service.job}/chat/completions", json=question)
    text = chatted["choices"][0]["message"]["content"]
    answers = service.home / "evaluations" / done["id"] / "answers" / "answers.jsonl"
    assert text in [json.loads(line)["reply"]["text"] for line in answers.read_text().splitlines()]
    assert str(service.home) not in json.dumps(record)


def test_a_job_without_an_artifact_and_a_precision_that_it_has_not_are_refused(service: Service) -> None:
    models = [{"job_id": service.other}, {"job_id": service.job, "precision": "int4"}]
    answer = service.http.post("/v1/evaluations", json={"dataset_id": "none", "models": models})
    assert answer.status_code == 422
    places = [one["where"] for one in answer.json()["errors"]]
    assert places == ["dataset_id", "models[1]: job_id", "models[2]: precision"]
