"""The job for hand use: as YAML for `az ml job create`."""

from __future__ import annotations

from service.launch.targets.azure_ml.emit import yaml_lines
from service.launch.targets.azure_serverless.settings import AzureServerlessSettings
from service.launch.targets.target import LaunchPlan


def az_ml(plan: LaunchPlan, where: AzureServerlessSettings) -> str:
    """job.yml; the rows are uploaded from where they lie."""
    job = dict(plan.manifest["job"])
    for name, there in (("data", "training_data"), ("validation", "validation_data")):
        if name in plan.files:
            job[there] = job[there] | {"path": plan.files[name]}
    place = f"--resource-group {where.resource_group} --workspace-name {where.workspace}"
    head = f"# az ml job create --file job.yml --subscription {where.subscription_id} {place}"
    return "\n".join([head, *yaml_lines(job)]) + "\n"
