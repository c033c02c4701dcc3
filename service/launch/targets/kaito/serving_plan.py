"""The Workspace that serves a preset with the adapter of a job; pure.

Encodes what api/v1beta1/workspace_validation.go and presets/workspace/inference/vllm of KAITO 0.12 ask of an inference
Workspace, its adapters included: admission looks at those of an update alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.launch.targets.deployable import DeploymentOrder, DeployRequest, ordered
from service.launch.targets.kaito.admission import IMAGE
from service.launch.targets.kaito.plan import ANNOTATION, GROUP, LABEL, MANAGER, VERSION, Machine
from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.options import options_of

CONFIG_KEY = "inference_config.yaml"
_SECRET = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
# vLLM's own limit, unless its configuration raises it to one of these (vllm/config/lora.py)
_RANK, _RANKS = 16, (16, 32, 64, 128, 256, 320, 512)
_KEYS: dict[str, tuple[str, ...]] = {
    "": ("apiVersion", "kind", "metadata", "resource", "inference"),
    "inference": ("preset", "config", "adapters"),
}


class ServingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of a serving Workspace; `pull_secret` is for the adapter's image, its push secret if null."""

    instance_type: str | None = None
    min_instances: int = 1
    max_instances: int | None = None
    pull_secret: str | None = None


def machine_of(request: DeployRequest) -> str:
    """The size of the machine: what was asked for, else what the job ran on."""
    return _options(request).instance_type or _where(request).instance_type


def serving_order(request: DeployRequest, machine: Machine) -> DeploymentOrder:
    """The Workspace, its ConfigMap where the adapter needs one, and what it costs.

    Raises:
        TuneGateError: `target_cannot` for a job without an image, or an adapter that vLLM cannot load;
            `invalid_input`.
    """
    where, options = _where(request), _options(request)
    tuned = request.launched.manifest["workspace"]["tuning"]
    image, adapter = tuned["output"].get("image"), request.plan.hyperparameters.adapter
    rank = adapter.r if adapter is not None else _RANK
    if image is None or rank > _RANKS[-1]:
        why = "the adapter lies in a claim" if image is None else f"vLLM loads ranks up to {_RANKS[-1]}, it has {rank}"
        raise TuneGateError(
            "target_cannot", f"KAITO cannot serve it: {why}.", remedy="Serve the ONNX: tunegate export."
        )
    manifest: dict[str, Any] = {
        # as it was kept: a later version's defaults make it no other deployment
        "where": request.launched.manifest["where"],
        "preset": tuned["preset"]["name"],
        "image": image,
        "pull_secret": options.pull_secret or where.output_push_secret,
        "rank": rank,
        "instance_type": machine.id,
    }
    config = ["ConfigMap {name}, by which vLLM takes an adapter of this rank"] if rank > _RANK else []
    warnings = [] if machine.usd_per_hour else [f"no_price: none was found for {machine.id}; costs are not counted"]
    order = ordered(
        request,
        manifest,
        makes=[
            *config,
            f"Workspace {{name}} in namespace {where.namespace}: {tuned['preset']['name']} with adapter {image}",
            f"by its controller: 1 x {machine.id}, and service {{name}} on port 80 inside the cluster",
        ],
        usd_per_hour=machine.usd_per_hour,
        machine=machine.id,
        instances=(1, 1),
        warnings=warnings,
        poll_seconds=where.poll_seconds,
    )
    workspace, made = objects(order)
    if errors := serving_refused(workspace, made):
        raise TuneGateError("target_cannot", f"KAITO would refuse this: {len(errors)} reason(s).", errors=errors)
    return order


def objects(order: DeploymentOrder) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The Workspace and its ConfigMap as they are sent; the adapter answers by the deployment's name."""
    given, name = order.manifest, order.plan.name
    metadata = {
        "name": name, "namespace": given["where"]["namespace"], "labels": {LABEL: MANAGER},
        "annotations": {ANNOTATION: order.plan.id, "tunegate.io/job": order.plan.job},
    }  # fmt: skip
    adapter = {"name": name, "image": given["image"], "imagePullSecrets": [given["pull_secret"]]}
    serves: dict[str, Any] = {"preset": {"name": given["preset"]}, "adapters": [{"source": adapter}]}
    config = None
    if given["rank"] > _RANK:
        fits = next(one for one in _RANKS if one >= given["rank"])
        # JSON is YAML
        text = msgspec.json.encode({"vllm": {"max-lora-rank": str(fits)}}).decode()
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {CONFIG_KEY: text}}
        serves["config"] = name
    resource = {"instanceType": given["instance_type"], "labelSelector": {"matchLabels": {"tunegate.io/serves": name}}}
    kind = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Workspace"}
    return kind | {"metadata": metadata, "resource": resource, "inference": serves}, config


def serving_refused(workspace: Mapping[str, Any], config: Mapping[str, Any] | None) -> list[ErrorItem]:
    """Everything that keeps it from being served."""
    inference = workspace["inference"]
    found = [*_unknown("", workspace), *_unknown("inference", inference), *_adapters(inference.get("adapters") or [])]
    if not inference.get("preset", {}).get("name"):
        found.append(ErrorItem("workspace.inference.preset.name", "nothing", "a preset"))
    if not workspace["resource"].get("instanceType"):
        found.append(ErrorItem("workspace.resource.instanceType", "nothing", "a machine size"))
    if inference.get("config") != (config["metadata"]["name"] if config else None):
        found.append(ErrorItem("workspace.inference.config", str(inference.get("config")), "the ConfigMap's name"))
    return found


def _unknown(path: str, content: Mapping[str, Any]) -> Iterator[ErrorItem]:
    for key in content:
        if key not in _KEYS[path]:
            near = suggestion(key, _KEYS[path])
            yield ErrorItem(f"workspace.{path}.{key}".replace("..", "."), "an unknown key", None, near or None)


def _adapters(adapters: list[dict[str, Any]]) -> Iterator[ErrorItem]:
    where = "workspace.inference.adapters"
    if len(adapters) != 1:
        yield ErrorItem(where, str(len(adapters)), "one adapter")
    for one in adapters:
        source = one.get("source") or {}
        if "strength" in one:
            yield ErrorItem(f"{where}.strength", str(one["strength"]), "none: vLLM knows no strength")
        if not _SECRET.fullmatch(str(source.get("name", ""))):
            yield ErrorItem(f"{where}.source.name", str(source.get("name")), "a DNS subdomain")
        if not IMAGE.fullmatch(str(source.get("image", ""))) or source.get("urls") or source.get("volumeSource"):
            yield ErrorItem(f"{where}.source.image", str(source.get("image"))[:80], "an image reference alone")


def _where(request: DeployRequest) -> KaitoSettings:
    """The namespace that the job ran in, as it was configured then."""
    return msgspec.convert(request.launched.manifest["where"], KaitoSettings)


def _options(request: DeployRequest) -> ServingOptions:
    options = options_of(ServingOptions, request.options, "kaito")
    errors = []
    for name in ("min_instances", "max_instances"):
        if getattr(options, name) not in {1, None}:
            why = "A Workspace serves with one machine; for more, KAITO's InferenceSet by hand."
            errors.append(ErrorItem(f"options.{name}", str(getattr(options, name)), "1", why))
    if options.pull_secret is not None and not _SECRET.fullmatch(options.pull_secret):
        errors.append(ErrorItem("options.pull_secret", options.pull_secret[:80], "a secret's name in the namespace"))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} option(s) of kaito are unusable.", errors=errors)
    return options
