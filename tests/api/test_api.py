"""The HTTP contract through the real app over a real data folder."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.app import build_app
from service.settings import load_settings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DESK = EXAMPLES / "library-desk"
FACTS = tomllib.loads((EXAMPLES / "scenarios" / "library-desk.toml").read_text())["facts"]
MODEL = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
Client = TestClient[Litestar]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("home")
    (home / "models" / "base").mkdir(parents=True)
    (home / "models" / "base" / "config.json").write_text(json.dumps(MODEL))
    (home / "models" / "base" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    with TestClient(build_app(settings=load_settings({"TUNEGATE_HOME": str(home)}))) as running:
        yield running


def upload(client: Client, name: str) -> Any:
    answer = client.post("/v1/datasets", params={"target": "local"}, content=(DESK / name).read_bytes())
    assert answer.status_code == 201, answer.text
    return answer.json()


def problem(answer: Any, status: int, code: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert set(body) == {"type", "title", "status", "code", "detail", "remedy", "errors", "request_id"}
    return body


def test_a_decision_with_facts_missing_is_created_with_its_questions(client: Client) -> None:
    answer = client.post("/v1/decisions", json={"facts": FACTS})
    assert answer.status_code == 201
    body = answer.json()
    assert body["answer"] is None
    assert body["unknown"][0]["fact"] == "data.rows"
    assert client.get(f"/v1/decisions/{body['id']}").json() == body


def test_dataset_and_estimates_complete_the_decision(client: Client) -> None:
    dataset = upload(client, "train.jsonl")
    wanted = {"model": "base", "techniques": ["lora"], "gpu": "cpu", "dataset_id": dataset["id"]}
    estimate = client.post("/v1/estimates", json=wanted).json()
    body = {"facts": FACTS, "dataset_id": dataset["id"], "estimate_ids": [estimate["id"]]}
    decision = client.post("/v1/decisions", json=body).json()
    assert decision["answer"] == {"step": "fine-tune", "technique": "lora", "sharding": "none", "target": "local"}
    sources = {fact["name"]: fact["from"] for fact in decision["facts"]}
    assert sources["data.rows"] == f"measured:{dataset['report']['id']}"
    assert sources["fit.lora"] == f"measured:{estimate['id']}"


def test_unknown_facts_are_refused_all_at_once(client: Client) -> None:
    answer = client.post("/v1/decisions", json={"facts": {"gap.kin": "none", "gap.kind": "nome"}})
    body = problem(answer, 422, "invalid_facts")
    assert [one["where"] for one in body["errors"]] == ["gap.kin", "gap.kind"]
    assert "Did you mean 'none'?" in body["errors"][1]["remedy"]


def test_a_dataset_is_kept_whatever_its_verdict_and_once(client: Client) -> None:
    clean, flawed = upload(client, "train.jsonl"), upload(client, "flawed.jsonl")
    assert (clean["report"]["verdict"], flawed["report"]["verdict"]) == ("pass", "fail")
    assert upload(client, "flawed.jsonl") == flawed
    assert client.get(f"/v1/datasets/{flawed['id']}").json() == flawed
    sarif = client.get(f"/v1/datasets/{flawed['id']}/report", headers={"Accept": "application/sarif+json"})
    assert sarif.json()["version"] == "2.1.0"
    assert client.get(f"/v1/datasets/{flawed['id']}/report").json() == flawed["report"]


def test_a_deleted_dataset_is_gone_with_its_bytes(client: Client) -> None:
    stored = upload(client, "validation.jsonl")
    assert client.delete(f"/v1/datasets/{stored['id']}").status_code == 204
    problem(client.get(f"/v1/datasets/{stored['id']}"), 404, "unknown_id")
    problem(client.post("/v1/plans", json={"dataset_id": stored["id"], "model": "base"}), 404, "unknown_id")


def test_lint_stores_nothing_and_never_names_a_path(client: Client) -> None:
    answer = client.post("/v1/lint", params={"target": "openai"}, content=b'{"messages": []}\n')
    assert answer.status_code == 200
    report = answer.json()
    assert report["verdict"] == "fail"
    assert report["files"][0]["path"] == "-"
    assert {one["path"] for one in report["findings"]} == {"-"}
    problem(client.post("/v1/lint", params={"target": "opnai"}, content=b""), 422, "invalid_input")
    problem(client.post("/v1/lint", content=b""), 422, "invalid_input")


def test_one_technique_is_an_estimate_several_are_a_set(client: Client) -> None:
    one = client.post("/v1/estimates", json={"model": "phi-3-mini-4k", "techniques": ["lora"]}).json()
    several = client.post("/v1/estimates", json={"model": "phi-3-mini-4k"}).json()
    assert one["schema"] == "tunegate.estimate/1"
    assert {"full", "lora", "qlora"} <= {each["technique"] for each in several["estimates"]}
    assert client.get(f"/v1/estimates/{one['id']}").json() == one


def test_a_plan_on_flawed_data_is_blocked_and_does_not_launch(client: Client) -> None:
    held = {"validation_dataset_id": upload(client, "validation.jsonl")["id"]}
    body = {"dataset_id": upload(client, "flawed.jsonl")["id"], "model": "base", "technique": "lora"} | held
    codes = ["lint_errors", "pii_findings"]
    plan = client.post("/v1/plans", json=body)
    assert (plan.status_code, [one["code"] for one in plan.json()["blockers"]]) == (201, codes)
    refused = problem(client.post("/v1/jobs", json={"plan_id": plan.json()["id"]}), 409, "plan_blocked")
    assert [one["where"] for one in refused["errors"]] == codes
    lifted = client.post("/v1/plans", json=body | {"overrides": [{"code": c, "reason": "known"} for c in codes]}).json()
    assert (lifted["blockers"], [one["code"] for one in lifted["overrides"]]) == ([], codes)
    assert client.get(f"/v1/plans/{lifted['id']}").json() == lifted


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"technique": "provider-managed"}, 422, "target_cannot"),
        ({"target": "kaito"}, 422, "target_not_configured"),
        ({"technique": "lorra"}, 422, "invalid_input"),
        ({"model": "no-such-model"}, 422, "unreadable_model"),
        ({"model": "phi-3-mini-4k"}, 422, "unreadable_model"),
        ({"decision_id": "0" * 64}, 404, "unknown_id"),
        ({"surprise": 1}, 400, "invalid_input"),
        ({"hyperparameters": {"n_epochs": 0}}, 422, "invalid_input"),
        ({"hyperparameters": {"adapter": {"rank": 4}}}, 400, "invalid_input"),
        ({"technique": "full", "hyperparameters": {"adapter": {"rslora": True}}}, 422, "target_cannot"),
        ({"technique": "qlora", "hyperparameters": {"adapter": {"init": "pissa"}}}, 422, "target_cannot"),
        ({"technique": "peft", "hyperparameters": {"peft": {"peft_type": "LROA"}}}, 422, "target_cannot"),
        ({"technique": "peft", "hyperparameters": {"peft": {"peft_type": "P_TUNING"}}}, 422, "target_cannot"),
    ],
)
def test_unusable_plans_are_refused(client: Client, change: dict[str, Any], status: int, code: str) -> None:
    body = {"dataset_id": upload(client, "train.jsonl")["id"], "model": "base", "technique": "lora"}
    problem(client.post("/v1/plans", json=body | change), status, code)


def test_every_reason_against_a_plan_comes_back_at_once(client: Client) -> None:
    body = {
        "dataset_id": upload(client, "train.jsonl")["id"], "model": "nowhere", "technique": "dora",
        "hyperparameters": {"n_epochs": 0, "adapter": {"init": "olora"}}, "outputs": {"onnx": ["fp16"]},
    }  # fmt: skip
    refused = problem(client.post("/v1/plans", json=body), 422, "invalid_input")
    assert [one["where"] for one in refused["errors"]] == [
        "hyperparameters.n_epochs", "model", "hyperparameters.adapter.init", "outputs.onnx",
    ]  # fmt: skip
    assert all(one["allowed"] or one["remedy"] for one in refused["errors"])


@pytest.mark.parametrize(
    ("technique", "changes"),
    [
        ("full", {}),
        ("lora", {"hyperparameters": {"adapter": {"r": 8, "rslora": True, "init": "pissa", "loraplus_ratio": 4}}}),
        ("qlora", {}),
        ("dora", {}),
        ("qdora", {}),
        ("peft", {"hyperparameters": {"peft": {"peft_type": "IA3"}}}),
        ("peft", {"hyperparameters": {"peft": {"peft_type": "PROMPT_TUNING"}}, "outputs": {"onnx": []}}),
    ],
)
def test_every_technique_can_be_planned_and_says_what_was_chosen(
    client: Client, technique: str, changes: dict[str, Any]
) -> None:
    held = {"validation_dataset_id": upload(client, "validation.jsonl")["id"]}
    body = {"dataset_id": upload(client, "train.jsonl")["id"], "model": "base", "technique": technique} | held | changes
    made = client.post("/v1/plans", json=body)
    assert made.status_code == 201, made.text
    plan = made.json()
    assert plan["blockers"] == []
    chosen = {one["name"]: one for one in plan["choices"]}
    assert chosen["learning_rate"]["value"] == plan["hyperparameters"]["learning_rate"]
    assert chosen["seed"]["value"] == plan["hyperparameters"]["seed"]
    if plan["estimate"] is None:
        assert "no memory formula" in chosen["estimate"]["why"]
    else:
        estimate = client.get(f"/v1/estimates/{plan['estimate']}").json()
        assert estimate["technique"] == ("prompt" if technique == "peft" else technique)
        if technique == "lora":
            assert estimate["inputs"]["adapter"]["r"] == 8
    assert client.post("/v1/plans", json=body).json() == plan


@pytest.mark.parametrize("kind", ["decisions", "datasets", "estimates", "plans", "jobs"])
def test_unknown_ids_are_404(client: Client, kind: str) -> None:
    problem(client.get(f"/v1/{kind}/{'0' * 64}"), 404, "unknown_id")


def test_unknown_routes_methods_and_bodies_are_problems(client: Client) -> None:
    problem(client.get("/v1/nothing"), 404, "not_found")
    assert "POST" in client.put("/v1/decisions").headers["allow"]
    problem(client.put("/v1/decisions"), 405, "usage")
    problem(client.post("/v1/decisions", content=b"{"), 400, "invalid_input")
    problem(client.get("/v1/rules/escalatio"), 404, "not_found")


HOSTED = {
    "eval.exists": True, "gap.kind": "behaviour", "tried.prompt": True, "tried.few_shot": True, "data.rows": 120,
    "answer.grounded": False, "scenario": ["chatbot"], "compute.managed_by": "provider", "control.needed": False,
}  # fmt: skip


def test_contradictory_facts_are_refused_with_the_nearest_way_out(client: Client) -> None:
    answer = client.post("/v1/decisions", json={"facts": HOSTED | {"artifact.needed": "weights"}})
    body = problem(answer, 422, "contradictory_facts")
    (error,) = body["errors"]
    assert "artifact.needed = weights" in error["seen"]
    assert "artifact.needed = hosted" in error["remedy"]
    decided = client.post("/v1/decisions", json={"facts": HOSTED | {"artifact.needed": "hosted"}}).json()
    assert decided["answer"]["target"] == "azure-openai"


def test_a_decision_is_told_in_tagalog_and_stored_once(client: Client) -> None:
    english = client.post("/v1/decisions", json={"facts": FACTS})
    tagalog = client.post("/v1/decisions", json={"facts": FACTS}, headers={"Accept-Language": "tl, en;q=0.5"})
    assert (english.headers["content-language"], tagalog.headers["content-language"]) == ("en", "tl")
    assert english.json()["id"] == tagalog.json()["id"]
    assert tagalog.json()["unknown"][0]["ask"].startswith("Ilan ang wastong usapan?")
    stored = client.get(tagalog.headers["location"]).json()
    assert stored == english.json()


@pytest.mark.parametrize(("accept", "starts"), [("text/html", "<!doctype html>"), ("text/markdown", "# fine-tune")])
def test_a_stored_decision_is_a_page_too(client: Client, accept: str, starts: str) -> None:
    made = client.post("/v1/decisions", json={"facts": HOSTED | {"artifact.needed": "hosted"}}).json()
    answer = client.get(f"/v1/decisions/{made['id']}", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(accept)
    assert answer.text.startswith(starts)
    assert "ESC-080" in answer.text


def test_models_are_filtered_ranked_and_reasoned(client: Client) -> None:
    wanted = {"target": "kaito", "language": ["th", "uk"], "min_context": 100_000, "licence": "mit", "gpu": "A100-80GB"}
    items = client.get("/v1/models", params=wanted).json()["items"]
    assert "phi-3.5-mini-instruct" in [one["id"] for one in items]
    chosen = next(one for one in items if one["id"] == "phi-3.5-mini-instruct")
    assert "lists th, uk" in chosen["reasons"]
    assert chosen["tunable"][0]["as_of"] == "2026-08-21"
    wrong = problem(client.get("/v1/models", params={"target": "kaitu", "task": "chat"}), 422, "invalid_input")
    assert [one["where"] for one in wrong["errors"]] == ["target", "task"]


def test_the_other_catalogues_say_what_they_are(client: Client) -> None:
    platforms = {one["id"]: one for one in client.get("/v1/platforms").json()["items"]}
    assert platforms["fpga"]["details"]["training"] == "no training path known"
    assert "AI Studio" in platforms["ai-foundry"]["aliases"]
    assert {"maas", "maap", "kaito", "onnx-runtime", "cpu", "gpu"} <= set(platforms)
    techniques = {one["id"] for one in client.get("/v1/techniques").json()["items"]}
    assert {"lora", "qlora", "dora", "peft", "deepspeed", "zero"} <= techniques
    targets = {one["id"]: one for one in client.get("/v1/targets").json()["items"]}
    assert "phi-4" in targets["kaito"]["details"]["models"]
    devices = client.get("/v1/hardware", params={"min_vram_gib": 70, "query": "A100"}).json()["items"]
    assert devices[0]["azure"][0]["usd_per_hour"] == 3.673


@pytest.mark.parametrize("path", ["models", "hardware", "targets", "techniques", "platforms", "rules", "jobs"])
def test_every_catalogue_is_a_list(client: Client, path: str) -> None:
    body = client.get(f"/v1/{path}").json()
    assert set(body) >= {"items", "next"}
    assert body["items"] or path == "jobs"


def test_rules_are_explained_as_json_and_html(client: Client) -> None:
    assert client.get("/v1/rules/ids/ESC-060").json()["id"] == "ESC-060"
    page = client.get("/v1/rules/ids/R030", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    table = client.get("/v1/rules/escalation").json()
    assert table["rules"][0]["id"] == "ESC-010"
    assert "background-chapter" in table["sources"]
    for identifier in ("SCN-070", "CON-010", "kaito", "gap.kind", "phi-4"):
        assert client.get(f"/v1/rules/ids/{identifier}").json()["markdown"].startswith("#")
    assert "<h1>" in client.get("/v1/rules/ids/ESC-060", headers={"Accept": "text/html"}).text


def test_operation_routes_answer(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert "tunegate_requests_total" in client.get("/metrics").text
    assert client.get("/schema/openapi.json").json()["openapi"].startswith("3.1")


def test_options_names_every_method_of_a_path(client: Client) -> None:
    allowed = client.options("/v1/jobs").headers["allow"]
    assert {"GET", "POST", "OPTIONS"} <= {method.strip() for method in allowed.split(",")}
