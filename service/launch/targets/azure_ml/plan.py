"""The command job, as `az ml job create` takes it; pure: the same request makes the same job, wherever it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.target import LaunchPlan, LaunchRequest
from service.records.identity import record_id
from trainers.contract import TrainPlan

TAG = "tunegate_request"
# where the job leaves what it made, below the datastore's container
OUTPUTS = "tunegate"
CODE, PLAN_FILE, TRAINERS = "code", "plan.json", "trainers.zip"
NAME_DIGITS, _ASSET_DIGITS = 12, 16
_SECONDS_PER_HOUR = 3600
# nothing of the job is reported to anyone but the workspace
_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The row of the rules for one machine of the cluster; nulls where the rules have none."""

    id: str
    gpus: int
    vcpu: int | None = None
    usd_per_hour: float | None = None
    region: str | None = None


def launch_plan(
    request: LaunchRequest, where: AzureMlSettings, machine: Machine, *, model_is_hub_name: bool
) -> LaunchPlan:
    """The job and the data assets that it reads; `request.key` makes two launches of one plan two jobs."""
    plan = _travelling(request.plan, model_is_hub_name=model_is_hub_name)
    rate = machine.usd_per_hour * where.instance_count if machine.usd_per_hour is not None else None
    most = (plan.cost or {}).get("max_usd")
    assets, files = _assets(request, model_is_hub_name=model_is_hub_name)
    content = {
        "plan": plan.id,
        "key": request.key,
        "trainer": request.trainer_version,
        "dataset": plan.dataset.sha256,
        "where": {name: value for name, value in msgspec.to_builtins(where).items() if name != "poll_seconds"},
    }
    digest = record_id(content)
    name = f"tg-{digest[:NAME_DIGITS]}"
    job = _job(plan, where, name=name, digest=digest, assets=assets, seconds=_limit(where, rate, most))
    manifest = {"job": job, "assets": assets, "plan": msgspec.to_builtins(plan), "where": msgspec.to_builtins(where)}
    return LaunchPlan(
        target="azure-ml",
        name=name,
        request_sha256=digest,
        manifest=manifest,
        files=files,
        needs=_needs(where, machine),
        warnings=[] if rate is not None else [f"no_price: none was found for {machine.id}; costs are not counted"],
        usd_per_hour=rate,
        max_usd=most,
        poll_seconds=where.poll_seconds,
    )


def _travelling(plan: TrainPlan, *, model_is_hub_name: bool) -> TrainPlan:
    """The plan without paths of this host: the job fills in where its own files are mounted."""
    validation = msgspec.structs.replace(plan.validation, path=None) if plan.validation else None
    return msgspec.structs.replace(
        plan,
        model=plan.model if model_is_hub_name else Path(plan.model).name,
        dataset=msgspec.structs.replace(plan.dataset, path=None),
        validation=validation,
    )


def _assets(request: LaunchRequest, *, model_is_hub_name: bool) -> tuple[list[dict[str, Any]], dict[str, str]]:
    assets, files = data_assets(request)
    if not model_is_hub_name and request.model is not None:
        name = f"tunegate-model-{(request.plan.model_fingerprint or '')[:_ASSET_DIGITS]}"
        assets.append({"input": "base", "type": "uri_folder", "name": name, "version": "1"})
        files["base"] = str(request.model)
    return assets, files


def data_assets(request: LaunchRequest) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Data assets named by their content, and their files: a second launch on the same data uploads nothing."""
    plan = request.plan
    found = [("data", plan.dataset, request.dataset)]
    if plan.validation is not None and request.validation is not None:
        found.append(("validation", plan.validation, request.validation))
    assets = [
        {"input": one, "type": "uri_file", "name": f"tunegate-data-{of.sha256[:_ASSET_DIGITS]}", "version": "1"}
        for one, of, _ in found
    ]
    return assets, {one: str(path) for one, _, path in found}


def _job(
    plan: TrainPlan, where: AzureMlSettings, *, name: str, digest: str, assets: list[dict[str, Any]], seconds: int
) -> dict[str, Any]:
    inputs = {
        one["input"]: {"type": one["type"], "path": f"azureml:{one['name']}:{one['version']}", "mode": "ro_mount"}
        for one in assets
    }
    job: dict[str, Any] = {
        "type": "command",
        "name": name,
        "display_name": name,
        "experiment_name": where.experiment,
        "description": f"tunegate plan {plan.id}",
        "code": CODE,
        "command": _command(where, inputs),
        "environment": f"azureml:tunegate-{where.image.rpartition(':')[2][:_ASSET_DIGITS]}:1",
        "compute": f"azureml:{where.compute}",
        "inputs": inputs,
        "outputs": {
            "model": {
                "type": "uri_folder",
                "mode": "rw_mount",
                "path": f"azureml://datastores/{where.datastore}/paths/{OUTPUTS}/{name}/",
            }
        },
        "environment_variables": dict(_QUIET),
        "resources": {"instance_count": where.instance_count, "instance_type": where.instance_type},
        "limits": {"timeout": seconds},
        "tags": {TAG: digest, "tunegate_plan": plan.id},
        # one of the SDK's own git properties: with it there, it looks for no others in the current folder
        "properties": {"azureml.git.dirty": "False"},
    }
    if plan.processes > 1:
        each = plan.processes // where.instance_count
        job["distribution"] = {"type": "pytorch", "process_count_per_instance": each}
        # Azure tells ranks and their number, and not how many of them share a machine's cores
        job["environment_variables"]["LOCAL_WORLD_SIZE"] = str(each)
    return job


def _command(where: AzureMlSettings, inputs: dict[str, Any]) -> str:
    given = " ".join(f"--{name} ${{{{inputs.{name}}}}}" for name in inputs)
    # processes of one machine share the folder of the code: each unpacks into its own; and what ends the job reaches us
    own = '"rank${RANK:-0}"'
    unpacked = f"{where.python} -m zipfile -e {TRAINERS} {own} && cd {own}"
    return f"{unpacked} && exec {where.python} -m trainers.mounted ../{PLAN_FILE} ${{{{outputs.model}}}} {given}"


def _limit(where: AzureMlSettings, rate: float | None, most: float | None) -> int:
    """Seconds after which Azure ends the job itself; what may be spent bounds them too."""
    hours = where.max_hours
    if rate and most is not None:
        hours = min(hours, most / rate)
    return max(60, round(hours * _SECONDS_PER_HOUR))


def _needs(where: AzureMlSettings, machine: Machine) -> list[str]:
    cores = f"{machine.vcpu * where.instance_count} vCPU" if machine.vcpu else "vCPU"
    needs = [f"quota: {cores} of the family of {machine.id}, dedicated, in the workspace's region"]
    if where.make_compute:
        needs.append(f"cluster {where.compute}: 0 to {where.instance_count} x {machine.id}, made where it is missing")
    return needs
