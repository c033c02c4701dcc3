"""Plans for serverless fine-tuning: what is sent, what is refused before anything is, and the form by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from service.advisor.knowledge import load_knowledge
from service.cli.app import run
from service.data import rule_files
from service.errors import TuneGateError
from service.launch.targets.azure_serverless.emit import az_ml
from service.launch.targets.azure_serverless.offers import offered
from service.launch.targets.azure_serverless.settings import azure_serverless_settings
from service.settings import load_settings
from tests.azure_serverless.conftest import DESK, MODEL, OPEN, WHERE, launched

LLAMA = "azureml://registries/azureml-meta/models/Llama-3.3-70B-Instruct/versions/9"


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TUNEGATE_PRIVACY", "off")
    for name, value in WHERE.items():
        monkeypatch.setenv(name, value)


def planned(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    onnx = () if "--onnx" in more else ("--onnx", "none")
    arguments = ["plan", "--target", "azure-serverless", "--model", MODEL, "--data", str(DESK / "train.jsonl"),
                 "--override", "no_baseline_evaluation=a test", "--format", "json", *onnx]  # fmt: skip
    code = run([*arguments, *more])
    said = capsys.readouterr()
    return code, json.loads(said.out or said.err)


def test_the_job_that_azure_is_sent() -> None:
    made = launched(Path("/here/train.jsonl"), validation=Path("/here/validation.jsonl"))
    assert made.manifest["job"] == {
        "type": "finetuning",
        "model_provider": "custom",
        "task": "chat_completion",
        "name": made.name,
        "display_name": made.name,
        "experiment_name": "tunegate",
        "description": f"tunegate plan {'p' * 64}",
        "model": {"type": "mlflow_model", "path": MODEL},
        "training_data": {"type": "uri_file", "path": f"azureml:tunegate-data-{'d' * 16}:1"},
        "validation_data": {"type": "uri_file", "path": f"azureml:tunegate-data-{'e' * 16}:1"},
        "hyperparameters": {"num_train_epochs": "2", "learning_rate": "0.00002"},
        "outputs": {"registered_model": {"type": "mlflow_model", "name": f"tunegate-{made.request_sha256[:12]}"}},
        "tags": {"tunegate_request": made.request_sha256, "tunegate_plan": "p" * 64},
        "properties": {"azureml.git.dirty": "False"},
    }
    assert made.name == f"tg-{made.request_sha256[:12]}"
    assert made.warnings == ["no_price: none: what it costs is not known before the bill"]
    elsewhere = launched(Path("/there/t.jsonl"), validation=Path("/there/v.jsonl"))
    assert elsewhere.manifest == made.manifest
    assert launched(Path("/here/train.jsonl"), key="job-2").name != launched(Path("/here/train.jsonl")).name


def test_the_form_for_hand_use_is_read_by_the_sdk_with_and_without_validation(tmp_path: Path) -> None:
    from azure.ai.ml import load_job

    for held_out in (None, DESK / "validation.jsonl"):
        made = launched(DESK / "train.jsonl", validation=held_out)
        (tmp_path / "job.yml").write_text(az_ml(made, OPEN))
        job = load_job(tmp_path / "job.yml")
        assert job.training_data.path == str(DESK / "train.jsonl")
        assert (job.validation_data.path if job.validation_data else None) == (held_out and str(held_out))
        assert job.outputs["registered_model"].name == f"tunegate-{made.request_sha256[:12]}"


@pytest.mark.usefixtures("configured")
def test_a_plan_has_no_price_and_so_no_limit_that_could_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code, plan = planned(capsys, "--epochs", "2", "--learning-rate", "0.00002")
    assert code == 0, plan
    assert (plan["technique"], plan["model"]) == ("provider-managed", MODEL)
    assert (plan["cost"]["usd"], plan["cost"]["tier"]) == (None, "serverless")
    assert plan["cost"]["reason"] == "no_price: the rules have no row for phi-4-mini-instruct, serverless"
    said = {one["name"]: one["value"] for one in plan["choices"]}
    assert (said["batch_size"], said["seed"]) == ("auto", "auto")
    assert "learning_rate" not in said
    assert any("experimental" in one["why"] for one in plan["choices"] if one["name"] == "warning")
    code, plan = planned(capsys, "--max-cost", "5")
    assert (code, [one["code"] for one in plan["blockers"]]) == (1, ["max_cost"])
    assert "rules/service-prices.toml" in plan["blockers"][0]["remedy"]


@pytest.mark.usefixtures("configured")
def test_a_price_of_ones_own_rules_makes_the_cost(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "rules"
    own.mkdir()
    row = (
        '\n[[price]]\nid = "azure-serverless/phi-4-mini-instruct"\nmodel = "phi-4-mini-instruct"\n'
        'service = "azure-serverless"\ntraining_low = 3.0\ntraining_high = 3.0\nconfidence = "example"\n'
        'source = "a test"\nas_of = 2026-11-22\n'
    )
    (own / "service-prices.toml").write_bytes(rule_files(None).read("service-prices.toml") + row.encode())
    monkeypatch.setenv("TUNEGATE_RULES", str(own))
    code, plan = planned(capsys, "--epochs", "2")
    assert code == 0, plan
    assert plan["cost"]["usd_per_million_tokens"] == 3.0
    most = plan["cost"]["usd_high"]
    assert most == round(plan["cost"]["tokens"] * 2 * 3.0 / 1e6, 2) > 0
    # nothing tells the costs of a running job, so that a limit holds by what the plan can cost at most
    code, plan = planned(capsys, "--epochs", "2", "--max-cost", str(most / 2))
    assert (code, [one["code"] for one in plan["blockers"]]) == (1, ["max_cost"])
    assert planned(capsys, "--epochs", "2", "--max-cost", str(most))[0] == 0


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("more", "code", "where"),
    [
        (("--onnx", "fp32"), "target_cannot_produce_onnx", {"target"}),
        (("--model", "gpt-4.1"), "target_cannot", {"model"}),
        (("--model", "llama-3.1-8b-instruct"), "target_cannot", {"azure-serverless.region", "model"}),
        (("--method", "dpo"), "target_cannot", {"method"}),
        (("--technique", "lora"), "target_cannot", {"technique"}),
        (("--adapter-r", "8", "--batch-size", "4", "--seed", "1"), "target_cannot",
         {"hyperparameters.adapter", "hyperparameters.batch_size", "hyperparameters.seed"}),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_with_everything_that_is_wrong(
    capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: str, where: set[str]
) -> None:
    exit_code, problem = planned(capsys, *more)
    assert (exit_code, problem["code"], problem["status"]) == (2, code, 422)
    assert {one["where"] for one in problem["errors"]} == where


def test_models_are_offered_by_name_with_version_region_and_date() -> None:
    models = load_knowledge(rule_files(None)).models

    def asked(model: str, region: str = "eastus", day: date = date(2026, 11, 22)) -> tuple[Any, list[Any]]:
        settings = azure_serverless_settings(load_settings(WHERE | {"TUNEGATE_AZURE_SERVERLESS_REGION": region}))
        return offered(model, "sft", settings, models, day)

    offer, errors = asked(MODEL)
    assert (offer.wire, offer.model, errors) == (MODEL, "phi-4-mini-instruct", [])
    assert not any("marketplace" in said for said in offer.warnings)
    assert asked(LLAMA)[1][0].where == "azure-serverless.region"
    assert asked(LLAMA, "westus3")[1] == []
    assert any("marketplace" in said for said in asked(LLAMA, "westus3")[0].warnings)
    # without its version a model is not guessed, nor is a name that no source tells
    assert asked("phi-4")[1][0].allowed == "azureml://registries/azureml/models/Phi-4/versions/N"
    assert "listed-as" in str(asked("ministral-3b-2410")[1][0].remedy)
    assert "Retired" in str(asked("tsuzumi-7b")[1][0].remedy)
    assert asked("tsuzumi-7b", day=date(2026, 8, 30))[1][0].remedy.startswith("No source")
    assert asked(MODEL.replace("azureml/models", "another/models"))[0] is None


@pytest.mark.parametrize(
    ("name", "value"), [("region", "East US"), ("subscription_id", "mine"), ("workspace", "a b"), ("poll_seconds", "0")]
)
def test_unusable_settings_are_named(name: str, value: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        azure_serverless_settings(load_settings(WHERE | {f"TUNEGATE_AZURE_SERVERLESS_{name.upper()}": value}))
    assert raised.value.code == "target_not_configured"
    assert [f"azure-serverless.{name} " in one.where for one in raised.value.errors] == [True]
