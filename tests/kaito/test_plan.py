"""Plans for KAITO: the manifests, what is refused before anything is sent, and that admission takes the rest."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from service.cli.app import run
from service.data import rule_files
from service.errors import TuneGateError
from service.launch.targets.kaito.admission import refused
from service.launch.targets.kaito.emit import kaito
from service.launch.targets.kaito.presets import presets
from service.launch.targets.kaito.refusals import refusals
from service.launch.targets.kaito.settings import kaito_settings
from service.settings import load_settings
from service.verbs.launching import launch_plan_for
from tests.kaito.cluster import SCHEMA
from tests.kaito.conftest import PLAN, WHERE, launched
from tests.kaito.webhook import denied
from trainers.contract import Adapter, Compute

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
GOLDEN = Path(__file__).parent / "golden.yaml"
CONFIG = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
ENVIRONMENT = {
    "TUNEGATE_KAITO_INSTANCE_TYPE": "Standard_NC24ads_A100_v4", "TUNEGATE_KAITO_NAMESPACE": "tuning",
    "TUNEGATE_KAITO_INPUT_URL": "https://rows.quokkas.org/{sha256}.jsonl",
    "TUNEGATE_KAITO_OUTPUT_IMAGE": "registry.quokkas.org/tuned/desk", "TUNEGATE_KAITO_OUTPUT_PUSH_SECRET": "push",
}  # fmt: skip


def configured(**values: str) -> Any:
    changed = {f"TUNEGATE_KAITO_{name.upper()}": value for name, value in values.items()}
    return kaito_settings(load_settings(ENVIRONMENT | changed))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "Phi-4-mini-instruct"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(len(b"{}").to_bytes(8, "little") + b"{}")
    return str(folder)


def plain(folder: Path) -> Path:
    """The example's rows without their weights."""
    rows = [json.loads(line) for line in (DESK / "train.jsonl").read_text().splitlines()]
    for row in rows:
        for message in row["messages"]:
            message.pop("weight", None)
    path = folder / "plain.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def planned(model: str, *arguments: str, data: Path | None = None) -> int:
    data = data or plain(Path(model).parent)
    known = ["--model", model, "--data", str(data), "--technique", "lora", "--target", "kaito"]
    return run(["plan", *known, "--override", "no_baseline_evaluation=measured elsewhere", *arguments])


def test_the_manifests_are_what_they_were() -> None:
    assert kaito(launched(), WHERE) == GOLDEN.read_text()


def test_admission_and_schema_take_every_preset_and_method() -> None:
    for preset in presets(rule_files()):
        for technique in ("lora", "qlora"):
            plan = msgspec.structs.replace(PLAN, model=preset.hub, technique=technique)
            made = launched(plan=plan).manifest
            jsonschema.Draft202012Validator(SCHEMA).validate(made["workspace"])
            assert denied(copy.deepcopy(made["workspace"]), made["config_map"]) == ""
            config = json.loads(made["config_map"]["data"]["training_config.yaml"])["training_config"]
            assert config["LoraConfig"]["target_modules"] == preset.target_modules


def test_the_same_launch_makes_the_same_objects_and_pauses_between_looks_do_not_count() -> None:
    slower = msgspec.structs.replace(WHERE, poll_seconds=60.0)
    assert launched().request_sha256 == launched(slower).request_sha256
    assert launched().name != launched(key="job-2").name


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for part in parents:
            content = content[part]
        content[last] = value

    return change


BROKEN = {
    "metadata.name": "tg.dotted", "resource.count": 2, "resource.instanceType": "", "tuning.method": "dora",
    "tuning.preset": {}, "tuning.output": {"image": "r.quokkas.org/a:b"}, "tuning.output.image": "Not/An Image",
    "tuning.input.urls": ["ftp://rows.quokkas.org/a.jsonl"],
}  # fmt: skip
STRICTER = {
    "tuning.methdo": "lora", "tuning.method": "LoRA", "tuning.input.volumeSource": {"emptyDir": {}},
    "tuning.input.urls": ["https://rows.quokkas.org/a.jsonl", "https://rows.quokkas.org/b.jsonl"],
}  # fmt: skip


@pytest.mark.parametrize("path", BROKEN)
def test_what_admission_denies_is_refused_before(path: str) -> None:
    made = copy.deepcopy(launched().manifest)
    _set(path, BROKEN[path])(made["workspace"])
    assert refused(made["workspace"], made["config_map"])
    assert path == "tuning.output.image" or denied(made["workspace"], made["config_map"])


@pytest.mark.parametrize("path", STRICTER)
def test_what_admission_or_an_old_server_lets_through_is_refused_too(path: str) -> None:
    made = copy.deepcopy(launched().manifest)
    _set(path, STRICTER[path])(made["workspace"])
    assert refused(made["workspace"], made["config_map"])


@pytest.mark.parametrize(("section", "key", "value"), [
    ("TrainingArguments", "output_dir", "/mnt"), ("TrainingArguments", "output_dir", "../etc"),
    ("TrainingArguments", "output_dir", ""), ("QuantizationConfig", "load_in_4bit", False),
    ("QuantizationConfig", "load_in_8bit", True), ("TrainingArgumets", "seed", 1),
])  # fmt: skip
def test_a_training_config_that_admission_denies_is_refused_before(section: str, key: str, value: object) -> None:
    made = copy.deepcopy(launched().manifest)
    content = json.loads(made["config_map"]["data"]["training_config.yaml"])
    content["training_config"].setdefault(section, {})[key] = value
    made["config_map"]["data"]["training_config.yaml"] = json.dumps(content)
    assert refused(made["workspace"], made["config_map"])
    assert denied(made["workspace"], made["config_map"])


def test_everything_that_its_trainer_does_not_do_is_said_at_once() -> None:
    values = msgspec.structs.replace(
        PLAN.hyperparameters, packing=True, keep="best", max_tokens=512, batch_size=6,
        adapter=Adapter(init="pissa", loraplus_ratio=16.0),
    )  # fmt: skip
    plan = msgspec.structs.replace(
        PLAN, model="tiiuae/falcon-7b", method="dpo", hyperparameters=values, compute=Compute(liger=True)
    )
    where = {one.where for one in refusals(plan, presets(rule_files()), gpus=2)}
    assert where == {
        "model", "method", "compute.liger", "hyperparameters.packing", "hyperparameters.keep",
        "hyperparameters.max_tokens", "hyperparameters.batch_size", "hyperparameters.adapter.init",
        "hyperparameters.adapter.loraplus_ratio",
    }  # fmt: skip
    assert refusals(PLAN, presets(rule_files()), gpus=4) == []


@pytest.mark.parametrize(("values", "where"), [
    ({"input_url": "https://rows.quokkas.org/a.jsonl?sig=abc"}, "input_url"),
    ({"input_url": "http://127.0.0.1/a.jsonl"}, "input_url"),
    ({"input_url": "https://rows.quokkas.org/a.txt"}, "input_url"),
    ({"input_claim": "rows"}, "input_url"), ({"output_claim": "tuned"}, "output_image"),
    ({"output_push_secret": ""}, "output_push_secret"), ({"output_image": "r.quokkas.org/a:tag"}, "output_image"),
    ({"namespace": "Tuning"}, "namespace"), ({"instnace_type": "x"}, "instnace_type"),
    ({"poll_seconds": "soon"}, "poll"),
])  # fmt: skip
def test_unusable_settings_are_refused_with_their_place(values: dict[str, str], where: str) -> None:
    with pytest.raises(TuneGateError) as caught:
        configured(**values)
    assert caught.value.code == "target_not_configured"
    assert any(where in one.where for one in caught.value.errors)
    assert "abc" not in str(caught.value.errors)


def test_a_plan_on_the_command_line_becomes_yaml_for_kubectl(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(model, "--onnx", "none", "--emit", "kaito") == 0
    config, workspace = yaml.safe_load_all(capsys.readouterr().out)
    assert (config["kind"], workspace["kind"]) == ("ConfigMap", "Workspace")
    assert workspace["tuning"]["preset"]["name"] == "phi-4-mini-instruct"
    jsonschema.Draft202012Validator(SCHEMA).validate(workspace)


def test_onnx_and_weight_0_are_refused_with_the_alternatives(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert planned(model) == 2
    assert "azure-ml" in capsys.readouterr().err
    rows = [json.loads(line) for line in plain(tmp_path).read_text().splitlines()[:40]]
    for row in rows:
        row["messages"][-1]["weight"] = 1
    rows[-1]["messages"][-1]["weight"] = 0
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert planned(model, "--onnx", "none", data=data) == 2
    said = capsys.readouterr().err
    # behind as many harmless findings as a report keeps
    assert "weight 0 in line 40" in said
    assert "local or azure-ml" in said


def test_onnx_is_planned_where_the_service_makes_it_and_never_for_hand_use(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEGATE_KAITO_ONNX", "here")
    assert planned(model, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["outputs"]["onnx"] == ["fp32"]
    assert planned(model, "--emit", "kaito") == 2
    assert "an adapter comes back, no ONNX" in capsys.readouterr().err
    monkeypatch.setenv("TUNEGATE_KAITO_ONNX", "there")
    assert planned(model) == 2
    assert "none, or here" in capsys.readouterr().err


def test_a_machine_that_kaito_does_not_know_is_refused(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_KAITO_INSTANCE_TYPE", "Standard_NC4as_T4_v3")
    assert planned(model, "--onnx", "none") == 2


def test_an_adapter_in_a_claim_is_for_hand_use_alone() -> None:
    where = msgspec.structs.replace(WHERE, output_image="", output_push_secret="", output_claim="tuned")
    assert "claimName: tuned" in kaito(launched(where), where)
    settings = load_settings(
        {one: ENVIRONMENT[one] for one in ENVIRONMENT if "OUTPUT" not in one} | {"TUNEGATE_KAITO_OUTPUT_CLAIM": "tuned"}
    )
    with pytest.raises(TuneGateError) as caught:
        launch_plan_for(
            PLAN, key="job", dataset=DESK, validation=None, model=DESK, rules=rule_files(), settings=settings
        )
    assert caught.value.code == "target_cannot"
    assert "output_image" in str(caught.value.errors[0].allowed)
