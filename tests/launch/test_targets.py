"""Targets: what each can do, where azure-ml is, what it would be sent, and the forms of that for hand use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.launch.blockers import cost_blockers
from service.launch.plan import choose
from service.launch.request import PlanChoices
from service.launch.targets.azure_ml.emit import az_ml, script
from service.launch.targets.azure_ml.files import code_folder
from service.launch.targets.azure_ml.plan import Machine, launch_plan
from service.launch.targets.azure_ml.settings import AzureMlSettings, azure_ml_settings
from service.launch.targets.capabilities import capabilities
from service.launch.targets.talking import cleaned
from service.launch.targets.target import CostEstimate, LaunchPlan, LaunchRequest
from service.settings import load_settings
from service.verbs.planning.machine import machine_for
from trainers.contract import DatasetRef, Hyperparameters, TrainPlan

RULES = rule_files()
IMAGE = f"registry.azurecr.io/tunegate@sha256:{'a' * 64}"
WHERE = AzureMlSettings(
    subscription_id="11111111-2222-3333-4444-555555555555", resource_group="rg", workspace="space",
    compute="gpu-cluster", instance_type="Standard_NC24ads_A100_v4", image=IMAGE,
)  # fmt: skip
PLAN = TrainPlan(
    id="p" * 64, decision=None, lint_report=None, estimate=None, target="azure-ml", model="/models/base",
    model_fingerprint="f" * 64, technique="lora", sharding="none", validation=None,
    dataset=DatasetRef(path="/data/train.jsonl", sha256="d" * 64),
    hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3),
)  # fmt: skip
MACHINE = Machine(id="Standard_NC24ads_A100_v4", gpus=1, vcpu=24, usd_per_hour=3.673)


def planned(plan: TrainPlan = PLAN, where: AzureMlSettings = WHERE, *, key: str = "one") -> LaunchPlan:
    request = LaunchRequest(
        plan=plan, key=key, trainer_version="1", dataset=Path("/data/train.jsonl"), validation=None,
        model=Path("/models/base"),
    )  # fmt: skip
    return launch_plan(request, where, MACHINE, model_is_hub_name=False)


def test_the_job_that_azure_is_sent() -> None:
    made = planned()
    own = '"rank${RANK:-0}"'
    assert made.manifest["job"] == {
        "type": "command",
        "name": made.name,
        "display_name": made.name,
        "experiment_name": "tunegate",
        "description": f"tunegate plan {'p' * 64}",
        "code": "code",
        "command": (
            f"python -m zipfile -e trainers.zip {own} && cd {own} && exec python -m trainers.mounted ../plan.json "
            "${{outputs.model}} --data ${{inputs.data}} --base ${{inputs.base}}"
        ),
        "environment": f"azureml:tunegate-{'a' * 16}:1",
        "compute": "azureml:gpu-cluster",
        "inputs": {
            "data": {"type": "uri_file", "path": f"azureml:tunegate-data-{'d' * 16}:1", "mode": "ro_mount"},
            "base": {"type": "uri_folder", "path": f"azureml:tunegate-model-{'f' * 16}:1", "mode": "ro_mount"},
        },
        "outputs": {
            "model": {
                "type": "uri_folder",
                "mode": "rw_mount",
                "path": f"azureml://datastores/workspaceblobstore/paths/tunegate/{made.name}/",
            }
        },
        "environment_variables": {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"},
        "resources": {"instance_count": 1, "instance_type": "Standard_NC24ads_A100_v4"},
        "limits": {"timeout": 86400},
        "tags": {"tunegate_request": made.request_sha256, "tunegate_plan": "p" * 64},
        "properties": {"azureml.git.dirty": "False"},
    }
    assert made.name == f"tg-{made.request_sha256[:12]}"
    assert made.needs == [
        "quota: 24 vCPU of the family of Standard_NC24ads_A100_v4, dedicated, in the workspace's region"
    ]


def test_no_path_of_this_machine_travels() -> None:
    assert b"/models" not in msgspec.json.encode(planned().manifest)
    assert b"/data/" not in msgspec.json.encode(planned().manifest)


def test_the_same_request_is_the_same_job_and_another_key_is_another() -> None:
    assert planned() == planned()
    assert planned().name != planned(key="two").name
    # how often we look makes no other job
    assert planned(where=msgspec.structs.replace(WHERE, poll_seconds=1)).name == planned().name


def test_processes_are_shared_out_over_the_machines() -> None:
    several = msgspec.structs.replace(PLAN, processes=4, sharding="zero2")
    job = planned(several, msgspec.structs.replace(WHERE, instance_count=2)).manifest["job"]
    assert job["distribution"] == {"type": "pytorch", "process_count_per_instance": 2}
    assert job["resources"]["instance_count"] == 2
    assert job["environment_variables"]["LOCAL_WORLD_SIZE"] == "2"


def test_what_may_be_spent_bounds_the_job_s_time_in_azure() -> None:
    bounded = msgspec.structs.replace(PLAN, cost={"max_usd": 3.673})
    assert planned(bounded).manifest["job"]["limits"] == {"timeout": 3600}


def test_the_forms_for_hand_use_hold_the_same_job() -> None:
    yaml = pytest.importorskip("yaml")
    written = yaml.safe_load(az_ml(planned(), WHERE))
    job: dict[str, Any] = planned().manifest["job"]
    assert {name: written[name] for name in ("command", "compute", "outputs", "resources", "tags")} == {
        name: job[name] for name in ("command", "compute", "outputs", "resources", "tags")
    }
    assert written["environment"] == {"image": IMAGE}
    assert written["inputs"]["data"]["path"] == "/data/train.jsonl"
    text = script(planned(), WHERE)
    assert "az ml job create --file job.yml --subscription 11111111-2222-3333-4444-555555555555" in text
    assert json.loads(text.split("<<'TUNEGATE-PLAN'\n")[1].split("\nTUNEGATE-PLAN")[0])["id"] == PLAN.id


def test_the_code_of_the_job_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        code_folder(tmp_path / name, planned().manifest["plan"])
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert first == second
    assert set(first) == {"plan.json", "trainers.zip"}


def test_every_setting_that_is_missing_or_unusable_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "targets.toml").write_text('[azure-ml]\nimage = "registry/name:latest"\nworkspce = "x"\n')
    settings = load_settings({"TUNEGATE_HOME": str(tmp_path), "TUNEGATE_AZURE_ML_INSTANCE_COUNT": "none"})
    with pytest.raises(TuneGateError) as raised:
        azure_ml_settings(settings)
    assert raised.value.code == "target_not_configured"
    named = " ".join(item.where for item in raised.value.errors)
    for name in ("workspce", "image", "subscription_id", "resource_group", "workspace", "compute", "instance_count"):
        assert f"azure-ml.{name} " in named


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    rows = (f'{name} = "{value}"' for name, value in msgspec.structs.asdict(WHERE).items() if isinstance(value, str))
    (tmp_path / "targets.toml").write_text("[azure-ml]\n" + "\n".join(rows))
    settings = load_settings({"TUNEGATE_HOME": str(tmp_path), "TUNEGATE_AZURE_ML_COMPUTE": "other"})
    assert azure_ml_settings(settings) == msgspec.structs.replace(WHERE, compute="other")


def test_a_plan_is_made_for_the_cluster_s_machines_not_for_this_one(tmp_path: Path) -> None:
    values = {
        f"TUNEGATE_AZURE_ML_{name.upper()}": str(value)
        for name, value in msgspec.structs.asdict(msgspec.structs.replace(WHERE, instance_count=2)).items()
        if value is not None
    }
    machine = machine_for("azure-ml", rules=RULES, settings=load_settings({"TUNEGATE_HOME": str(tmp_path)} | values))
    assert (machine.gpus, machine.capability, machine.capacity_gib > 70) == (2, 8.0, True)


@pytest.mark.parametrize("target", [row.id for row in capabilities(RULES).values() if not row.onnx])
def test_a_target_without_onnx_is_refused_with_those_that_have_it(target: str) -> None:
    wanted = PlanChoices(model="base", technique="lora", target=target)
    with pytest.raises(TuneGateError) as raised:
        choose(wanted, None, rules=RULES, machine=machine_for("local", rules=RULES, settings=load_settings({})))
    assert (raised.value.code, raised.value.status) == ("target_cannot_produce_onnx", 422)
    assert raised.value.errors[0].allowed == "local, azure-ml"


@pytest.mark.parametrize(
    ("usd", "rate", "most", "blocked"),
    [(10.0, 4.0, 9.0, True), (10.0, 4.0, 11.0, False), (None, 4.0, 1.0, False), (None, None, 1.0, True),
     (10.0, 4.0, None, False)],
)  # fmt: skip
def test_max_cost_blocks_what_costs_more_and_what_has_no_price(
    usd: float | None, rate: float | None, most: float | None, *, blocked: bool
) -> None:
    cost = CostEstimate(
        usd=usd, usd_per_hour=rate, hours=2.5, machine="M", count=1, source="s", reason=None if rate else "no_price"
    )
    assert [one.code for one in cost_blockers(cost, most)] == (["max_cost"] if blocked else [])


def test_a_signature_in_an_error_is_not_repeated() -> None:
    said = cleaned("failed https://x.blob.core.windows.net/c?sv=1&sig=abc%2Fdef&se=2 AccountKey=c2VjcmV0")
    assert "abc" not in said
    assert "c2VjcmV0" not in said
