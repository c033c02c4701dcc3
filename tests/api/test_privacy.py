"""Personal data over HTTP: the report of the command line, a blocked plan, and no value anywhere but in the dataset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from planted_row import CARD, IBAN, leaks, row
from secret_samples import SAMPLES

from tests.api.conftest import Scanning

MODEL = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
BESIDE = {"messages": [{"role": "user", "content": f"Pay {CARD}"}, {"role": "assistant", "content": f"To {IBAN}."}]}
BODY = b"".join(json.dumps(one).encode() + b"\n" for one in (row(), BESIDE))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("home")
    (home / "models" / "base").mkdir(parents=True)
    (home / "models" / "base" / "config.json").write_text(json.dumps(MODEL))
    (home / "models" / "base" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    running = Scanning(home)
    yield running
    running.stop()


def asked(served: Any, body: bytes, route: str = "lint", **query: str) -> Any:
    return served.http.post(f"/v1/{route}", params={"target": "openai"} | query, content=body)


def test_a_body_gets_the_report_of_the_command_line(served: Any) -> None:
    answer = asked(served, BODY, language="en")
    assert answer.status_code == 200, answer.text
    command = [sys.executable, "-m", "service", "lint", "-", "--target", "openai", "--format", "json"]
    done = subprocess.run(
        [*command, "--privacy", "patterns"], input=BODY, capture_output=True, check=False, timeout=300,
        env=os.environ | {"TUNEGATE_HOME": str(served.home)},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout) == answer.json()
    assert answer.json()["counts"]["P001"] == 16


def test_what_is_looked_for_can_be_chosen(served: Any) -> None:
    def what(**query: str) -> set[str]:
        return {one["what"] for one in asked(served, BODY, **query).json()["not_scanned"]}

    assert "personal data and secrets" in what(privacy="off")
    assert "personal data in other languages than en, es" in what(language="en,es")
    wrong = served.refused(asked(served, BODY, privacy="all", language="english"), 422, "invalid_input")
    assert [one["where"] for one in wrong["errors"]] == ["privacy", "language"]
    assert served.refused(asked(served, BODY, privacy="ner"), 422, "invalid_input")


def test_a_service_has_settings_of_its_own(serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_text('[privacy]\nlanguages = ["en", "es"]\n[[privacy.allow]]\npatterns = [".*@harrowgate-mill[.]com"]\n')
    running = serve(tmp_path, TUNEGATE_PRIVACY_SETTINGS=str(path))
    try:
        report = asked(running, BODY).json()
    finally:
        running.stop()
    gaps = {one["what"]: one["why"] for one in report["not_scanned"]}
    assert gaps["allowed values"].endswith("EMAIL_ADDRESS x 16")
    assert "personal data in other languages than en, es" in gaps
    assert "P001" not in report["counts"]


def test_no_value_is_kept_but_in_the_dataset_and_a_plan_on_it_is_blocked(served: Any) -> None:
    stored = asked(served, BODY, "datasets")
    assert stored.status_code == 201, stored.text
    key = stored.json()["id"]
    plan = served.http.post("/v1/plans", json={"dataset_id": key, "model": "base", "technique": "lora"})
    assert plan.status_code == 201, plan.text
    assert "pii_findings" in [one["code"] for one in plan.json()["blockers"]]
    told = [stored.text, plan.text, served.log.read_text(), served.http.get("/metrics").text]
    told += [
        served.http.get(f"/v1/datasets/{key}/report", headers={"Accept": kind}).text
        for kind in ("application/json", "application/sarif+json", "text/html")
    ]
    assert [leaks(text) for text in told] == [[]] * len(told)
    holding = [path.name for path in served.home.rglob("*") if path.is_file() and leaks(path.read_bytes())]
    assert holding == [f"{key}.jsonl"]


def test_a_clean_set_with_one_secret_is_blocked_by_it_alone(served: Any) -> None:
    secret = SAMPLES["SECRET_AWS_ACCESS_KEY"][0][1](Random(3))
    rows = [
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Question {n}?"},
                      {"role": "assistant", "content": f"Use {secret}." if n == 7 else f"Answer {n}."}]}
        for n in range(60)
    ]  # fmt: skip
    body = b"".join(json.dumps(one).encode() + b"\n" for one in rows)
    made = {"model": "base", "technique": "lora"}
    made |= {"overrides": [{"code": "no_baseline_evaluation", "reason": "planned for its data alone"}]}
    for query, codes in (({}, ["pii_findings"]), ({"privacy": "off"}, [])):
        key = served.http.post("/v1/datasets", params={"target": "local"} | query, content=body).json()["id"]
        plan = served.http.post("/v1/plans", json=made | {"dataset_id": key}).json()
        assert [one["code"] for one in plan["blockers"]] == codes, query
