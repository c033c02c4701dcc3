"""A managed online endpoint with one deployment, as it will be sent; pure: the same request makes the same."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.launch.targets.azure_ml.plan import Machine
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.deployable import DeploymentOrder, DeployRequest, ordered
from service.launch.targets.options import options_of

# the one deployment of the endpoint, which has all its traffic
DEPLOYMENT = "tuned"
PORT, LIVE, READY, ANSWERS = 5001, "/health/live", "/health/ready", "/v1/chat/completions"
_SIZE = re.compile(r"Standard_[A-Za-z0-9_]+")
_MOST_INSTANCES = 50
_DIGEST_DIGITS = 16
_UNNAMED = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 60
# Azure's own limit (learn.microsoft.com, reference-yaml-deployment-managed-online: request_timeout_ms at most 180000)
_REQUEST_MS, _AT_ONCE = 180_000, 4


class EndpointOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of an endpoint; `max_instances` above `min_instances` lets Azure add machines under load."""

    instance_type: str | None = None
    min_instances: int = 1
    max_instances: int | None = None


def machine_of(request: DeployRequest) -> str:
    """The size of the machines: what was asked for, else what the job ran on."""
    return _options(request).instance_type or _where(request).instance_type


def endpoint_order(request: DeployRequest, machine: Machine, *, serving_image: str | None) -> DeploymentOrder:
    """The endpoint, its deployment with the registered model, and the rule that adds machines.

    Raises:
        TuneGateError: `target_not_configured` without an image that serves, `target_cannot` for a model that is not
            chat, `invalid_input`.
    """
    where, options = _where(request), _options(request)
    image = serving_image or where.serving_image
    if image is None:
        remedy = "Build it (deploy/model.Dockerfile), push it, and set serving_image in [azure-ml]."
        errors = [ErrorItem("azure-ml.serving_image", "nothing", "an image by digest")]
        raise TuneGateError("target_not_configured", "No image answers for the model.", remedy=remedy, errors=errors)
    if request.plan.task != "chat" or not request.plan.outputs.onnx:
        remedy = "Fetch the artifact; its README.md shows its use."
        raise TuneGateError("target_cannot", "Only ONNX models that chat are served.", remedy=remedy)
    low, high = options.min_instances, options.max_instances or options.min_instances
    model = model_of(request)
    manifest: dict[str, Any] = {
        # as it was kept: a later version's defaults make it no other deployment
        "where": request.launched.manifest["where"],
        "run": request.ref.name,
        "model": model,
        "environment": {"name": f"tunegate-model-{image.rpartition(':')[2][:_DIGEST_DIGITS]}", "image": image},
        "instance_type": machine.id,
        "instances": [low, high],
        "request": {"timeout_ms": _REQUEST_MS, "at_once": _AT_ONCE},
    }
    rate = machine.usd_per_hour
    grows = f", {low} to {high} by load" if high > low else ""
    return ordered(
        request,
        manifest,
        makes=[
            f"model {model['name']}:{model['version']} in {where.workspace}, where it is not registered yet",
            "managed online endpoint {name} (key)",
            f"deployment {DEPLOYMENT}: {low} x {machine.id}{grows}, all traffic of the endpoint",
            *([f"autoscale rule {DEPLOYMENT}-{{name}}"] if high > low else []),
        ],
        usd_per_hour=None if rate is None else rate * low,
        most_usd_per_hour=None if rate is None else rate * high,
        machine=machine.id,
        instances=(low, high),
        warnings=[] if rate is not None else [f"no_price: none was found for {machine.id}; costs are not counted"],
        poll_seconds=where.poll_seconds,
    )


def model_of(request: DeployRequest) -> dict[str, str]:
    """The name and version that the model of a job is registered under: all tunes of one base are its versions."""
    return model_name(request.plan.model, request.ref.name)


def model_name(base: str, run: str) -> dict[str, str]:
    """The same of a job's base model and its name in Azure."""
    slug = _UNNAMED.sub("-", base.rpartition("/")[2].lower()).strip("-")[:_LONGEST_NAME]
    return {"name": f"tunegate-{slug or 'model'}", "version": run.removeprefix("tg-")}


def _where(request: DeployRequest) -> AzureMlSettings:
    """The workspace that the job ran in, as it was configured then."""
    return msgspec.convert(request.launched.manifest["where"], AzureMlSettings)


def _options(request: DeployRequest) -> EndpointOptions:
    options = options_of(EndpointOptions, request.options, "azure-ml")
    low, high = options.min_instances, options.max_instances
    errors = []
    if options.instance_type is not None and not _SIZE.fullmatch(options.instance_type):
        errors.append(ErrorItem("options.instance_type", options.instance_type[:80], "Standard_..., a machine size"))
    if not 1 <= low <= _MOST_INSTANCES:
        errors.append(ErrorItem("options.min_instances", str(low), f"1 to {_MOST_INSTANCES}"))
    if high is not None and not low <= high <= _MOST_INSTANCES:
        errors.append(ErrorItem("options.max_instances", str(high), f"{low} (min_instances) to {_MOST_INSTANCES}"))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} option(s) of azure-ml are unusable.", errors=errors)
    return options
