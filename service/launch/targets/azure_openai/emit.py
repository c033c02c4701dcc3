"""The job for hand use: a Python script that does what the service would, without a secret in it."""

from __future__ import annotations

import json

from service.launch.targets.azure_openai.plan import METADATA
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings
from service.launch.targets.target import LaunchPlan

_SCRIPT = '''#!/usr/bin/env python3
"""Starts the planned fine-tuning job; run again, it finds the job of the first time.

Needs: pip install openai azure-identity. The key is AZURE_OPENAI_API_KEY; without it, az login.
"""
import json
import os
import time

from openai import OpenAI

BASE_URL = @BASE_URL@
SCOPE = @SCOPE@
FILES = json.loads(@FILES@)  # name at the service -> file of this machine
JOB = json.loads(@JOB@)


def credential():
    if os.environ.get("AZURE_OPENAI_API_KEY"):
        return os.environ["AZURE_OPENAI_API_KEY"]
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    return get_bearer_token_provider(DefaultAzureCredential(), SCOPE)


# nothing is repeated by the client: a second create would be a second bill
client = OpenAI(api_key=credential(), base_url=BASE_URL, max_retries=0)


def uploaded(name, path):
    size = os.path.getsize(path)
    every = client.files.list(purpose="fine-tune")
    file = next((one for one in every if one.filename == name and one.bytes == size and one.status != "error"), None)
    if file is None:
        with open(path, "rb") as rows:
            file = client.files.create(file=(name, rows), purpose="fine-tune", timeout=900)
    while file.status not in ("processed", "error", "deleted"):
        time.sleep(2)
        file = client.files.retrieve(file.id)
    if file.status != "processed":
        raise SystemExit(f"{file.id}: {file.status}")
    return file.id


def started():
    request = JOB["metadata"][@METADATA@]
    every = client.fine_tuning.jobs.list()
    return next((one for one in every if (one.metadata or {}).get(@METADATA@) == request), None)


job = started()
if job is None:
    files = dict(zip(("training_file", "validation_file"), (uploaded(*one) for one in FILES.items())))
    body = {name: value for name, value in JOB.items() if name != "trainingType"}
    job = client.fine_tuning.jobs.create(**files, **body, extra_body={"trainingType": JOB["trainingType"]})
print(job.id, job.status)
'''


def script(plan: LaunchPlan, where: AzureOpenAiSettings) -> str:
    """Python, with the planned job as JSON in it."""
    files = {there: plan.files[name] for name, there in plan.manifest["uploads"].items()}
    filled = {
        "@BASE_URL@": repr(where.base_url),
        "@SCOPE@": repr(where.scope),
        "@FILES@": repr(json.dumps(files)),
        "@JOB@": repr(json.dumps(plan.manifest["job"])),
        "@METADATA@": repr(METADATA),
    }
    text = _SCRIPT
    for name, value in filled.items():
        text = text.replace(name, value)
    return text
