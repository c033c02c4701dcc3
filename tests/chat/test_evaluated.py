"""A job's artifact and the model that it began with, evaluated side by side: over real HTTP, and by the command."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from service.cli.app import run

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


def evaluated(capfd: Any, *arguments: object) -> Any:
    """The record that the command prints."""
    code = run(["evaluate", *map(str, arguments), "--format", "json"])
    said = capfd.readouterr()
    assert code == 0, said.err
    return json.loads(said.out)


def answers(out: Path) -> list[Any]:
    return [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]


def test_the_command_asks_a_model_folder_and_an_artifact_each_in_its_engine(
    service: Service, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [{"role": "user", "content": "What about the quokka?"}]
    row = {"messages": [*turns, {"role": "assistant", "content": "The quokka is here."}]}
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out"
    rows.write_text(json.dumps(row) + "\n")
    base, artifact = service.home / "models" / "base", service.run()
    asked = [rows, "--model", base, "--model", artifact, "--max-new-tokens", 9, "-o", out]
    record = evaluated(capfd, *asked)
    engines = {one["id"]: one["engine"] for one in record["models"]}
    assert engines == {"base": "torch", artifact.name: "onnxruntime-genai"}
    cells = [(one["model"], one["variant"], one["answered"]) for one in record["cells"]]
    assert sorted(cells) == sorted([("base", "zero-shot", 1), (artifact.name, "zero-shot-tuned", 1)])
    question = {"model": "fp32", "messages": turns, "max_tokens": 9, "temperature": 0}
    chatted = service.post(f"/v1/jobs/{service.job}/chat/completions", json=question)
    assert chatted["choices"][0]["message"]["content"] in [one["reply"]["text"] for one in answers(out)]
    assert len(answers(out)) == 2
    # as if another version of what opens a model folder were installed; the artifact's engine is the same as before
    other = tmp_path / "installed" / "transformers-999.dist-info" / "METADATA"
    other.parent.mkdir(parents=True)
    other.write_text("Metadata-Version: 2.1\nName: transformers\nVersion: 999\n")
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    evaluated(capfd, *asked)
    first, second, third = (one["key"] for one in answers(out))
    assert third not in {first, second}
