"""Time and money through the verb, the command line and HTTP: what is known, what is null and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.app import build_app
from service.cli.app import run
from service.data import rule_files
from service.errors import TuneGateError
from service.estimate import flops, throughput
from service.estimate.amounts import Data
from service.estimate.cost import CostQuestion, KnownData, Prices
from service.estimate.cost import cost_of as make_cost
from service.estimate.cost_inputs import DEFAULT_EPOCHS, UsageInputs
from service.estimate.notation import Run
from service.launch.hyperparameters import DEFAULT_EPOCHS as PLAN_EPOCHS
from service.models.matmuls import matmuls_of_config
from service.records.cost import Cost, DeviceTime
from service.records.estimate import NOT_IN_ID, Estimate
from service.records.identity import record_id
from service.records.lint_report import Bin, LintReport, Statistics, Summary
from service.settings import load_settings
from service.verbs.estimate import estimate, read_inputs

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
RULES = rule_files()
SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})
TRAINING = {"rows": 1000, "tokens": 300_000, "epochs": 2}
USAGE = {"prompt_tokens": 2000, "tuned_prompt_tokens": 200, "answer_tokens": 100, "replaces": "openai/gpt-4.1"}


def one(report: LintReport | None = None, *, rules: Any = RULES, **raw: Any) -> Estimate:
    values = {"model": "llama-3.2-1b", "techniques": ["lora"], "gpu": "A100-80GB", **raw}
    (made,) = estimate(read_inputs(values), rules=rules, settings=SETTINGS, report=report)
    return made


def cost_of(report: LintReport | None = None, **raw: Any) -> Cost:
    found = one(report, **raw).cost
    assert found is not None
    return found


def time_of(report: LintReport | None = None, **raw: Any) -> DeviceTime:
    (found,) = cost_of(report, **raw).times
    return found


def refused(**raw: Any) -> dict[str, str | None]:
    with pytest.raises(TuneGateError) as caught:
        one(**raw)
    return {error.where: error.remedy for error in caught.value.errors}


def lint_report(statistics: Statistics | None = None, **facts: Any) -> LintReport:
    return LintReport(
        id="f" * 64, rules_revision="r", target="local", method="sft", model=None, files=[], verdict="pass",
        summary=Summary(0, 0, 0), counts={}, findings=[], truncated={}, facts=facts, not_scanned=[],
        statistics=statistics,
    )  # fmt: skip


def test_without_data_and_requests_there_is_no_cost_and_the_inputs_stay_as_they_were() -> None:
    made = one()
    assert made.cost is None
    assert not {"training", "usage"} & set(made.inputs)
    assert one(report=lint_report()).cost is None


def test_hours_and_money_on_a_named_device() -> None:
    found = time_of(training=TRAINING)
    assert (found.gpu, found.count, found.tflops, found.reason) == ("A100-80GB", 1, 312, None)
    assert found.hours is not None
    assert 0 < found.hours.low < found.hours.mid < found.hours.high
    assert (found.source, cost_of(training=TRAINING).training.source) == (throughput.SOURCE, flops.SOURCE)
    cheapest = found.machines[0]
    assert cheapest.usd is not None
    assert cheapest.usd_per_hour is not None
    assert cheapest.usd.high == round(found.hours.high * cheapest.usd_per_hour, 2)
    work = cost_of(training=TRAINING).training
    assert work.processed is not None
    assert (work.processed.low, work.processed.high) == (600_000, 600_000)


def test_where_no_device_is_named_the_gpus_that_hold_the_run_are_timed() -> None:
    made = one(gpu=None, techniques=["full"], model="llama-3.1-8b", training=TRAINING)
    assert made.cost is not None
    held = {fit.gpu for fit in made.fits if fit.verdict != "no"}
    assert {time.gpu for time in made.cost.times} == held - {"cpu"}
    assert len(held) < len(made.fits)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"gpu": "cpu", "seq_len": 64}, "no peak figure"),
        ({"model": "llama-3.1-8b", "techniques": ["full"], "gpu": "RTX-4090-24GB"}, "does not fit"),
        ({"model": "llama-3.1-8b", "techniques": ["full"], "gpu": "A100-80GB"}, "does not fit"),
        ({"base_dtype": "fp32", "autocast": "none"}, "32-bit"),
        ({"gpu": "T4-16GB", "base_dtype": "bf16", "autocast": "bf16"}, "no bf16"),
        ({"zero": {"stage": 3, "offload_params": True}, "gpus": 2}, "on the host"),
        ({"training": {"rows": 10}}, "training.tokens"),
    ],
)
def test_where_no_speed_is_known_the_hours_are_null_with_the_reason(raw: dict[str, Any], reason: str) -> None:
    found = time_of(**{"training": TRAINING, **raw})
    assert (found.hours, found.utilisation, found.source) == (None, None, None)
    assert found.reason is not None
    assert reason in found.reason
    assert all(machine.usd is None and machine.reason for machine in found.machines)


def test_rows_and_tokens_come_from_the_report_and_what_is_said_wins() -> None:
    statistics = Statistics(
        rows=510, valid=500, tokens=60_000, exact_tokens=True, epochs=3, lengths=[Bin(64, 127, 500)]
    )
    report = lint_report(statistics, **{"data.rows": 500, "data.tokens_max": 127})
    found = cost_of(report).training
    assert (found.rows, found.epochs, found.tokens_from, found.exact_tokens) == (500, DEFAULT_EPOCHS, "report", True)
    assert found.tokens is not None
    assert found.tokens.low == found.tokens.high == 60_000
    assert one(report).inputs["training"] == {"rows": 500, "tokens": 60_000, "epochs": DEFAULT_EPOCHS}
    said = cost_of(report, training={"epochs": 1, "tokens": 50_000}).training
    assert (said.rows, said.epochs, said.tokens_from) == (500, 1, "given")
    assert any("default" in note for note in cost_of(report).notes)
    assert not any("default" in note for note in cost_of(report, training={"epochs": 1}).notes)


def test_quantiles_alone_give_a_band_of_tokens_and_never_a_mean() -> None:
    facts = {"data.rows": 1000, "data.tokens_p50": 100, "data.tokens_p95": 400, "data.tokens_max": 1000}
    found = cost_of(lint_report(**facts)).training
    assert found.tokens is not None
    assert (found.tokens.low, found.tokens.high) == (65_000, 280_000)
    assert not found.exact_tokens
    assert one(lint_report(**facts)).inputs["training"]["tokens"] is None


def test_preferences_are_not_timed_and_no_machine_is_said() -> None:
    statistics = Statistics(rows=500, valid=500, tokens=60_000, exact_tokens=True)
    report = msgspec.structs.replace(lint_report(statistics, **{"data.rows": 500}), method="dpo")
    found = cost_of(report)
    assert found.times[0].hours is None
    assert "method dpo" in (found.times[0].reason or "")
    assert all(service.usd is None for service in found.services)
    alone = time_of(training=TRAINING, gpu="RTX-4090-24GB")
    assert (alone.machines, alone.no_machine) == ([], "no Azure machine of the rules has 1 x RTX-4090-24GB")
    assert time_of(training=TRAINING).no_machine is None


def test_prices_and_dates_are_not_in_the_id_but_the_data_are() -> None:
    made = one(training=TRAINING)
    assert made.id == record_id(made, without=NOT_IN_ID)
    dearer = RULES.overlaid({"service-prices.toml": RULES.read("service-prices.toml").replace(b"25.0", b"26.0")})
    moved = one(training=TRAINING, rules=dearer)
    assert (moved.id, moved.cost == made.cost) == (made.id, False)
    assert one(training={**TRAINING, "epochs": 3}).id != made.id
    assert one().id != made.id


def test_the_break_even_is_per_option_and_names_what_is_missing() -> None:
    found = {one.option: one for one in cost_of(training=TRAINING, usage=USAGE).break_even}
    own = found["A100-80GB: Standard_NC24ads_A100_v4"]
    assert (own.verdict, own.reason) == (None, "give usage.hosting_usd_per_hour")
    hosted = cost_of(training=TRAINING, usage={**USAGE, "hosting_usd_per_hour": 3.673}).break_even[0]
    assert hosted.verdict == "from"
    assert (
        found["azure-openai/gpt-4.1/global"].reason
        == "give usage.tuned_prompt_usd_per_million, usage.tuned_answer_usd_per_million"
    )
    assert cost_of(training=TRAINING).break_even == []


def test_epochs_default_to_what_a_plan_takes() -> None:
    assert DEFAULT_EPOCHS == PLAN_EPOCHS


def test_all_wrong_values_are_named_at_once() -> None:
    found = refused(
        training={"rows": 10, "tokens": 5, "epochs": 0},
        usage={"months": 121, "prompt_usd_per_million": -1, "replaces": "openai/gpt-4.1-minni"},
        micro_batch=0,
    )
    assert set(found) == {
        "training.tokens", "training.epochs", "usage.months", "usage.prompt_usd_per_million", "usage.replaces",
        "micro_batch",
    }  # fmt: skip
    assert "openai/gpt-4.1-mini" in (found["usage.replaces"] or "")
    with pytest.raises(TuneGateError) as caught:
        read_inputs({"model": "m", "training": {"tokens": "many", "row": 3}})
    assert {error.where for error in caught.value.errors} == {"training.tokens", "training.row"}


MIXTURE: dict[str, Any] = {
    "model_type": "mixtral", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256, "num_local_experts": 8,
    "num_experts_per_tok": 2, "max_position_embeddings": 128,
}  # fmt: skip


def test_a_simulated_mixture_of_experts_is_timed_by_its_active_experts() -> None:
    asked = {"model": MIXTURE, "tier": "simulated", "seq_len": 32, "adapter": {"targets": ["q_proj", "v_proj"]}}
    found = cost_of(**asked, training={"rows": 100, "tokens": 3000, "epochs": 1})
    assert found.training.petaflop is not None
    assert found.times[0].hours is not None


def test_what_cannot_be_counted_is_null_with_the_reason() -> None:
    data = Data(rows=10, tokens_low=300, tokens_high=300, epochs=1)
    known = KnownData(data=data, rows=10, epochs=1, tokens_from="given", exact_tokens=True)
    prices = Prices(machines=[], machine_source="", services=[])
    _, mixture = matmuls_of_config(MIXTURE, where="a model")
    for matmuls, uncounted, reason in ((mixture, None, "adapters on experts"), (None, "nobody knows", "nobody knows")):
        main = Run(technique="lora", micro_batch=1, seq_len=32)
        question = CostQuestion(
            known=known, usage=UsageInputs(), main=main, devices=[], matmuls=matmuls, uncounted=uncounted
        )
        found = make_cost(question, prices).training
        assert found.petaflop is None
        assert reason in (found.reason or "")
        assert found.processed is not None


def test_the_command_line_takes_all_and_shows_one_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path))
    base = ["estimate", "llama-3.2-1b", "--technique", "lora", "--gpu", "A100-80GB"]
    assert run(base) == 0
    assert "give --report LINT.json" in capsys.readouterr().out
    options = ["--training-rows", "1000", "--training-tokens", "300000", "--training-epochs", "2"]
    for name, value in (USAGE | {"hosting_usd_per_hour": 1.5, "months": 6}).items():
        options += [f"--usage-{name.replace('_', '-')}", str(value)]
    assert run([*base, *options]) == 0
    printed = capsys.readouterr().out
    for said in ("1,000 rows, 300,000 tokens x 2 epochs", "min $", "Break-even, lora", "start-up", "No price found"):
        assert said in printed
    assert "give --report" not in printed
    assert run([*base, *options, "--format", "markdown"]) == 0
    assert "### Time and money" in capsys.readouterr().out
    assert run([*base, *options, "--format", "json"]) == 0
    record = msgspec.json.decode(capsys.readouterr().out, type=Estimate)
    assert record.cost is not None
    assert record.cost.months == 6
    assert record.inputs["usage"]["hosting_usd_per_hour"] == 1.5


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    home = tmp_path_factory.mktemp("home")
    settings = load_settings({"TUNEGATE_HOME": str(home)})
    base = home / "models" / "base"
    base.mkdir(parents=True)
    base.joinpath("config.json").write_text(json.dumps({**MIXTURE, "model_type": "llama", "num_local_experts": None}))
    base.joinpath("model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    with TestClient(build_app(settings=settings)) as running:
        yield running


def test_http_takes_rows_and_tokens_from_the_stored_dataset(client: TestClient[Litestar]) -> None:
    sent = client.post("/v1/datasets", params={"target": "local"}, content=(DESK / "train.jsonl").read_bytes()).json()
    body = {"model": "llama-3.2-1b", "techniques": ["lora"], "gpu": "A100-80GB", "dataset_id": sent["id"]}
    made = client.post("/v1/estimates", json=body).json()
    statistics = sent["report"]["statistics"]
    assert made["cost"]["training"]["rows"] == statistics["valid"]
    assert made["cost"]["training"]["tokens"]["mid"] == statistics["tokens"]
    assert made["cost"]["times"][0]["hours"]["low"] >= 0
    assert client.get(f"/v1/estimates/{made['id']}").json() == made
    refused = client.post("/v1/estimates", json={**body, "training": {"epochs": 0}})
    assert refused.status_code == 422
    assert json.loads(refused.content)["errors"][0]["where"] == "training.epochs"


def test_a_plan_is_timed_with_its_own_epochs(client: TestClient[Litestar]) -> None:
    sent = client.post("/v1/datasets", params={"target": "local"}, content=(DESK / "train.jsonl").read_bytes()).json()
    body = {"dataset_id": sent["id"], "model": "base", "technique": "lora", "hyperparameters": {"n_epochs": 5}}
    made = client.post("/v1/plans", json=body)
    assert made.status_code == 201, made.text
    found = client.get(f"/v1/estimates/{made.json()['estimate']}").json()["cost"]["training"]
    assert (found["epochs"], found["rows"]) == (5, sent["report"]["statistics"]["valid"])
