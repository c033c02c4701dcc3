"""The job for hand use: as YAML for `az ml job create`, or as a shell script that does everything."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from service.launch.targets.azure_ml.plan import CODE, PLAN_FILE, TRAINERS
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.target import LaunchPlan
from service.records.identity import canonical_json

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json"


def az_ml(plan: LaunchPlan, where: AzureMlSettings) -> str:
    """job.yml; it stands beside a folder `code` that holds the trainers and the plan."""
    job = plan.manifest["job"]
    local = {name: one | {"path": plan.files.get(name, one["path"])} for name, one in job["inputs"].items()}
    # by hand one file does it: assets and environment are made on the way
    written = {"$schema": _SCHEMA} | job | {"inputs": local, "environment": {"image": where.image}}
    place = f"--resource-group {where.resource_group} --workspace-name {where.workspace}"
    head = [
        f"# {CODE}/ holds {TRAINERS} and {PLAN_FILE}; --emit script prints what makes it.",
        f"# az ml job create --file job.yml --subscription {where.subscription_id} {place}",
    ]
    return "\n".join([*head, *yaml_lines(written)]) + "\n"


def script(plan: LaunchPlan, where: AzureMlSettings) -> str:
    """A bash script: makes the folder of the job, and submits it with the Azure CLI."""
    job, travelling = az_ml(plan, where), canonical_json(plan.manifest["plan"]).decode()
    place = " ".join(
        f"--{flag} {shlex.quote(value)}"
        for flag, value in (
            ("subscription", where.subscription_id),
            ("resource-group", where.resource_group),
            ("workspace-name", where.workspace),
        )
    )
    return f"""#!/usr/bin/env bash
# Submits the plan as an Azure Machine Learning job; needs az with its ml extension, signed in (az login), and tunegate.
set -euo pipefail
folder="$(mktemp -d)"
mkdir "$folder/{CODE}"
trainers="$(python -c 'import trainers; print(trainers.__path__[0])')"
(cd "$(dirname "$trainers")" && python -m zipfile -c "$folder/{CODE}/{TRAINERS}" trainers/)
cat > "$folder/{CODE}/{PLAN_FILE}" <<'TUNEGATE-PLAN'
{travelling}
TUNEGATE-PLAN
cat > "$folder/job.yml" <<'TUNEGATE-JOB'
{job}TUNEGATE-JOB
cd "$folder"
az ml job create --file job.yml {place}
"""


def yaml_lines(value: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Mappings as YAML, every other value as JSON, which YAML holds."""
    for key, inner in value.items():
        name = key if key.replace("_", "").isalnum() else json.dumps(key)
        if isinstance(inner, dict) and inner:
            yield f"{indent}{name}:"
            yield from yaml_lines(inner, indent + "  ")
        else:
            yield f"{indent}{name}: {json.dumps(inner)}"
