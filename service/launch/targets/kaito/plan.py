"""The Workspace and its ConfigMap; pure: the same request makes the same objects, wherever they are made."""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import TuneGateError
from service.launch.exporting import libraries_of
from service.launch.targets.kaito.admission import CONFIG_KEY, refused
from service.launch.targets.kaito.presets import Preset, preset_of
from service.launch.targets.kaito.settings import DIGEST, KaitoSettings
from service.launch.targets.target import LaunchPlan, LaunchRequest
from service.records.identity import record_id
from service.records.job import OnnxOf, RemoteResult
from trainers.contract import Adapter, TrainPlan

GROUP, VERSION, PLURAL = "kaito.sh", "v1beta1", "workspaces"
ANNOTATION = "tunegate.io/request-sha256"
LABEL, MANAGER = "app.kubernetes.io/managed-by", "tunegate"
# the value is joined to /mnt by the controller, which refuses /mnt itself
OUTPUT_DIR = "/mnt/results"
_NAME_DIGITS = 12
# settings that say what is done here, and nothing of what is sent
_OURS = {"poll_seconds", "onnx"}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The row of the rules for the machine of the Workspace; nulls where the rules have none."""

    id: str
    gpus: int
    vcpu: int | None = None
    usd_per_hour: float | None = None


def launch_plan(request: LaunchRequest, where: KaitoSettings, machine: Machine, rows: tuple[Preset, ...]) -> LaunchPlan:
    """The two objects; `request.key` makes two launches of one plan two Workspaces.

    Raises:
        TuneGateError: `target_cannot` for a model without a preset, and for what KAITO's admission would refuse.
    """
    plan, preset = request.plan, preset_of(request.plan.model, rows)
    if preset is None:
        raise TuneGateError("target_cannot", f"{plan.model}: KAITO has no preset of it that can be tuned.")
    settings = msgspec.to_builtins(where)
    content = {
        "plan": plan.id,
        "key": request.key,
        "trainer": request.trainer_version,
        "dataset": plan.dataset.sha256,
        "where": {name: value for name, value in settings.items() if name not in _OURS},
    }
    digest = record_id(content)
    name = f"tg-{digest[:_NAME_DIGITS]}"
    config = _config_map(plan, preset, where, name=name, digest=digest, gpus=machine.gpus)
    workspace = _workspace(plan, preset, where, name=name, digest=digest)
    if errors := refused(workspace, config):
        raise TuneGateError("target_cannot", f"KAITO would refuse this: {len(errors)} reason(s).", errors=errors)
    return LaunchPlan(
        target="kaito",
        name=name,
        request_sha256=digest,
        manifest={"config_map": config, "workspace": workspace, "plan": plan.id, "where": settings},
        files={},
        needs=_needs(plan, where, machine),
        warnings=_warnings(plan, machine),
        usd_per_hour=machine.usd_per_hour,
        max_usd=(plan.cost or {}).get("max_usd"),
        poll_seconds=where.poll_seconds,
        exports_here=bool(plan.outputs.onnx),
        libraries=libraries_of(plan.technique) if plan.outputs.onnx else [],
        result=RemoteResult(
            "peft-adapter", str(workspace["tuning"]["output"].get("image", "")) or None, onnx=OnnxOf("adapter_only")
        ),
    )


def _workspace(plan: TrainPlan, preset: Preset, where: KaitoSettings, *, name: str, digest: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Workspace",
        "metadata": _metadata(where, name, digest) | {"annotations": {ANNOTATION: digest, "tunegate.io/plan": plan.id}},
        "resource": {"instanceType": where.instance_type, "labelSelector": {"matchLabels": {"tunegate.io/job": name}}},
        "tuning": {
            "preset": {"name": preset.name},
            # lower case: KAITO's controller compares it exactly
            "method": plan.technique,
            "config": name,
            "input": _input(plan, where),
            "output": _output(where, name),
        },
    }


def _input(plan: TrainPlan, where: KaitoSettings) -> dict[str, Any]:
    if where.input_url:
        return {"urls": [where.input_url.replace(DIGEST, plan.dataset.sha256)]}
    if where.input_claim:
        return {"volumeSource": {"persistentVolumeClaim": {"claimName": where.input_claim}}}
    secrets = {"imagePullSecrets": [where.input_pull_secret]} if where.input_pull_secret else {}
    return {"image": where.input_image.replace(DIGEST, plan.dataset.sha256)} | secrets


def _output(where: KaitoSettings, name: str) -> dict[str, Any]:
    if where.output_claim:
        return {"volumeSource": {"persistentVolumeClaim": {"claimName": where.output_claim}}}
    return {"image": f"{where.output_image}:{name}", "imagePushSecret": where.output_push_secret}


def _config_map(
    plan: TrainPlan, preset: Preset, where: KaitoSettings, *, name: str, digest: str, gpus: int
) -> dict[str, Any]:
    # JSON is YAML
    text = msgspec.json.format(msgspec.json.encode(_training_config(plan, preset, gpus)), indent=2).decode()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(where, name, digest) | {"annotations": {ANNOTATION: digest}},
        "data": {CONFIG_KEY: text},
    }


def _metadata(where: KaitoSettings, name: str, digest: str) -> dict[str, Any]:
    labels = {LABEL: MANAGER, "tunegate.io/request": digest[:_NAME_DIGITS]}
    return {"name": name, "namespace": where.namespace, "labels": labels}


def _training_config(plan: TrainPlan, preset: Preset, gpus: int) -> dict[str, Any]:
    values, adapter = plan.hyperparameters, plan.hyperparameters.adapter or Adapter()
    four_bit = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_use_double_quant": True}
    quantised = plan.technique == "qlora"
    return {
        "training_config": {
            "ModelConfig": {"torch_dtype": "bfloat16", "local_files_only": True, "device_map": "auto"},
            "QuantizationConfig": {"load_in_4bit": quantised} | (four_bit if quantised else {}),
            "LoraConfig": {
                "r": adapter.r,
                "lora_alpha": adapter.alpha,
                "lora_dropout": adapter.dropout,
                "target_modules": modules_of(adapter, preset),
                "use_rslora": adapter.rslora,
            },
            "TrainingArguments": {
                "output_dir": OUTPUT_DIR,
                "num_train_epochs": values.n_epochs,
                "per_device_train_batch_size": values.micro_batch,
                "gradient_accumulation_steps": values.batch_size // (values.micro_batch * gpus),
                "gradient_checkpointing": plan.compute.checkpointing,
                "learning_rate": values.learning_rate,
                "warmup_ratio": values.warmup_ratio,
                "weight_decay": values.weight_decay,
                "max_grad_norm": values.max_grad_norm,
                "seed": values.seed,
                "bf16": True,
                "save_strategy": "no",
                "ddp_find_unused_parameters": False,
                # nothing of the run is reported to anyone
                "report_to": "none",
            },
            # every row is trained on: its own default holds back a fifth
            "DatasetConfig": {"shuffle_dataset": True, "shuffle_seed": values.seed, "train_test_split": 1},
            "DataCollator": {"mlm": False},
        }
    }


def modules_of(adapter: Adapter, preset: Preset) -> list[str]:
    """Named modules, always: KAITO's own list misses those of models with fused projections."""
    return list(preset.target_modules) if isinstance(adapter.targets, str) else list(adapter.targets)


def _needs(plan: TrainPlan, where: KaitoSettings, machine: Machine) -> list[str]:
    cores = f"{machine.vcpu} vCPU" if machine.vcpu else "vCPU"
    made = _input(plan, where)
    lies = made.get("image") or next(iter(made.get("urls", [])), None) or f"claim {where.input_claim}"
    needed = [
        f"quota: {cores} of the family of {machine.id} in the cluster's region, for KAITO's node provisioner",
        f"rows: one file *.jsonl with sha256 {plan.dataset.sha256} at {lies}, put there by you; KAITO checks no hash",
    ]
    if where.output_image:
        needed.append(f"secret: {where.output_push_secret} in namespace {where.namespace}, to push the adapter with")
    return needed


def _warnings(plan: TrainPlan, machine: Machine) -> list[str]:
    said = ["its trainer cuts rows that are longer than its own limit, without a word"]
    if plan.validation is not None:
        said.append("validation rows are not sent: KAITO's trainer measures nothing on them")
    if plan.outputs.onnx:
        said.append("the ONNX is made here, on this plan's base model; KAITO trains on its own copy of it")
    if machine.usd_per_hour is None:
        said.append(f"no_price: none was found for {machine.id}; costs are not counted")
    return said
