"""Plans for Azure OpenAI: what is sent, what is refused before anything is, what it costs, and the script by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types.fine_tuning.job_create_params import JobCreateParams
from pydantic import TypeAdapter

from service.advisor.knowledge import load_knowledge
from service.cli.app import run
from service.data import rule_files
from service.errors import TuneGateError
from service.launch.targets.azure_openai.emit import script
from service.launch.targets.azure_openai.offers import offered
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings, azure_openai_settings
from service.settings import load_settings
from tests.azure_openai.conftest import DESK, OPEN, PLAN, WHERE, OpenAi, launched
from trainers.contract import Dpo

TODAY = date(2026, 11, 22)
GOLDEN = Path(__file__).parent / "golden.json"


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TUNEGATE_PRIVACY", "off")
    for name, value in WHERE.items():
        monkeypatch.setenv(name, value)


def planned(capsys: pytest.CaptureFixture[str], *more: str, data: str = "train") -> tuple[int, Any]:
    onnx = () if "--onnx" in more else ("--onnx", "none")
    arguments = ["plan", "--target", "azure-openai", "--model", "gpt-4.1", "--data", str(DESK / f"{data}.jsonl"),
                 "--override", "no_baseline_evaluation=a test", "--format", "json", *onnx]  # fmt: skip
    code = run([*arguments, *more])
    said = capsys.readouterr()
    return code, json.loads(said.out or said.err)


def test_the_job_is_the_golden_one_wherever_it_is_planned() -> None:
    made = launched(Path("/here/train.jsonl"), validation=Path("/here/validation.jsonl"), max_usd=5.0)
    elsewhere = launched(Path("/there/t.jsonl"), validation=Path("/there/v.jsonl"), max_usd=5.0,
                         where=msgspec.structs.replace(OPEN, poll_seconds=9.0))  # fmt: skip
    assert {**made.manifest, "where": None} == {**elsewhere.manifest, "where": None}
    shown = msgspec.json.format(msgspec.json.encode({**made.manifest, "name": made.name}), indent=2)
    assert json.loads(shown) == json.loads(GOLDEN.read_bytes())
    assert launched(Path("/here/train.jsonl"), key="job-2").request_sha256 != made.request_sha256


def test_both_methods_are_what_the_sdk_declares() -> None:
    dpo = msgspec.structs.replace(
        PLAN,
        method="dpo",
        hyperparameters=msgspec.structs.replace(PLAN.hyperparameters, dpo=Dpo(beta=0.3), batch_size=4),
    )
    for plan, wanted in (
        (PLAN, {"type": "supervised", "supervised": {"n_epochs": 2, "batch_size": "auto"}}),
        (dpo, {"type": "dpo", "dpo": {"n_epochs": 2, "batch_size": 4, "beta": 0.3}}),
    ):
        job = launched(Path("/rows"), plan=plan).manifest["job"]
        sent = {name: value for name, value in job.items() if name != "trainingType"} | {"training_file": "file-1"}
        TypeAdapter(JobCreateParams).validate_python(sent)
        kind = wanted["type"]
        assert job["method"]["type"] == kind
        assert wanted[kind].items() <= job["method"][kind]["hyperparameters"].items()  # type: ignore[index, union-attr]
        assert len(job["suffix"]) <= 18
        assert "." not in job["suffix"]
        assert job["trainingType"] == "GlobalStandard"


@pytest.mark.usefixtures("configured")
def test_a_plan_says_what_it_costs_and_is_blocked_above_the_limit(capsys: pytest.CaptureFixture[str]) -> None:
    code, plan = planned(capsys, "--epochs", "2")
    assert code == 0, plan
    cost = plan["cost"]
    assert cost["usd"] == round(cost["tokens"] * 2 * 2.0 / 1e6, 2)
    assert (cost["tier"], cost["confidence"], cost["as_of"]) == ("GlobalStandard", "example", "2026-03-19")
    assert plan["technique"] == "provider-managed"
    assert plan["lint_report"]
    assert {one["name"]: one["value"] for one in plan["choices"]}["batch_size"] == "auto"
    code, plan = planned(capsys, "--epochs", "50", "--max-cost", "0.01")
    assert (code, [one["code"] for one in plan["blockers"]]) == (1, ["max_cost"])
    code, plan = planned(capsys, "--model", "gpt-4.1-mini", "--max-cost", "5")
    assert (code, plan["cost"]["usd"]) == (1, None)
    assert plan["cost"]["reason"].startswith("no_price")
    assert [one["code"] for one in plan["blockers"]] == ["max_cost"]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("more", "code", "where"),
    [
        (("--onnx", "fp32"), "target_cannot_produce_onnx", {"target"}),
        (("--model", "phi-4"), "target_cannot", {"model"}),
        (("--model", "o4-mini"), "target_cannot", {"method"}),
        (("--model", "gpt-4o-mini", "--method", "dpo"), "target_cannot", {"method"}),
        (("--technique", "lora"), "target_cannot", {"technique"}),
        (
            ("--adapter-r", "8", "--packing", "--learning-rate", "0.1", "--batch-size", "999"), "target_cannot",
            {"hyperparameters.adapter", "hyperparameters.packing", "hyperparameters.learning_rate",
             "hyperparameters.batch_size"},
        ),
        (("--epochs", "0"), "invalid_input", {"hyperparameters.n_epochs"}),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_with_everything_that_is_wrong(
    capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: str, where: set[str]
) -> None:
    exit_code, problem = planned(capsys, *more)
    assert (exit_code, problem["code"], problem["status"]) == (2, code, 422)
    assert {one["where"] for one in problem["errors"]} == where


def test_models_are_offered_by_method_region_type_and_date() -> None:
    models = load_knowledge(rule_files(None)).models

    def asked(model: str, method: str = "sft", day: date = TODAY, **where: str) -> tuple[Any, list[str]]:
        settings = msgspec.convert(
            {"endpoint": "https://a", "training_type": "GlobalStandard"} | where, AzureOpenAiSettings
        )
        offer, errors = offered(model, method, settings, models, day)
        return offer, [one.where for one in errors]

    offer, errors = asked("gpt-4.1")
    assert (offer.wire, errors) == ("gpt-4.1-2025-04-14", [])
    assert any("customer" in said for said in offer.warnings)
    assert asked("gpt-4.1-2025-04-14")[1] == []
    again = "gpt-4.1-2025-04-14.ft-0123abcd-desk"
    assert (asked(again)[0].wire, asked(again)[1]) == (again, [])
    assert asked("gpt-4.1", customer="new")[1] == ["model"]
    assert asked("gpt-4.1", customer="existing")[1] == []
    assert asked("gpt-4.1", day=date(2027, 4, 15))[1] == ["model"]
    assert asked("gpt-4.1", training_type="Standard", region="swedencentral")[1] == []
    assert asked("gpt-4.1", training_type="Standard", region="westus")[1] == ["azure-openai.region"]
    assert asked("gpt-4o-mini", "dpo")[1] == ["method"]
    assert any("disputed" in said for said in asked("gpt-4.1-mini", "dpo")[0].warnings)
    # open weights: no regional and no developer training; one whose name there no source tells is not guessed
    assert asked("gpt-oss-20b")[1] == []
    assert asked("gpt-oss-20b", training_type="Developer")[1] == ["azure-openai.training_type"]
    assert asked("qwen3-32b")[1] == ["model"]
    assert asked("gpt-oss-20b.ft-1")[1] == ["model"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpoint", "http://desk.openai.azure.com"), ("endpoint", "https://desk.openai.azure.com/openai/v1"),
        ("endpoint", "https://user:secret@desk.openai.azure.com"), ("training_type", "Batch"), ("suffix", "a.b"),
        ("suffix", "x" * 19), ("region", "Sweden Central"), ("poll_seconds", "0"), ("api_key", "sk-0123456789"),
        ("key_file", "relative"), ("training_type", "Standard"),
    ],
)  # fmt: skip
def test_unusable_settings_are_named_and_no_key_is_shown(name: str, value: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        azure_openai_settings(load_settings(WHERE | {f"TUNEGATE_AZURE_OPENAI_{name.upper()}": value}))
    assert raised.value.code == "target_not_configured"
    [error] = raised.value.errors
    assert name in error.where or (value, "region" in error.where) == ("Standard", True)
    assert "sk-0123456789" not in str(error)


@pytest.mark.parametrize(
    ("endpoint", "scope"),
    [
        ("https://desk.openai.azure.com/", "https://cognitiveservices.azure.com/.default"),
        ("https://desk.services.ai.azure.com/api/projects/books", "https://ai.azure.com/.default"),
        ("https://gateway.quokkas.org", ""),
    ],
)
def test_the_scope_of_a_token_follows_the_host(endpoint: str, scope: str) -> None:
    where = azure_openai_settings(load_settings(WHERE | {"TUNEGATE_AZURE_OPENAI_ENDPOINT": endpoint}))
    assert where.scope == scope
    assert where.base_url == f"{endpoint.rstrip('/')}/openai/v1/"


@pytest.mark.usefixtures("configured")
def test_preferences_are_planned_by_dpo_and_chats_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, plan = planned(capsys, "--method", "dpo", data="preferences")
    assert code == 0, plan
    assert (plan["method"], plan["cost"]["usd"]) == ("dpo", None)
    code, plan = planned(capsys, "--method", "dpo")
    assert (code, [one["code"] for one in plan["blockers"]]) == (1, ["lint_errors"])


def test_the_script_starts_the_job_once_and_holds_no_key(openai: OpenAi, tmp_path: Path) -> None:
    rows = tmp_path / "train.jsonl"
    rows.write_bytes((DESK / "train.jsonl").read_bytes())
    text = script(launched(rows), OPEN)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")} | openai.keyed
    assert environment["AZURE_OPENAI_API_KEY"] not in text
    (tmp_path / "start.py").write_text(text)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "start.py")], env=environment, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert openai.job["id"] in done.stdout
    assert openai.account.wrong == []
    assert openai.unhandled == []
    assert [one["bytes"] for one in openai.account.files.values()] == [rows.stat().st_size]
