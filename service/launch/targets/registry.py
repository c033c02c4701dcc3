"""Which targets this version launches on elsewhere, by name; `local` is carried out by the service's own pipeline."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.launch.targets.azure_ml.client import AzureMl
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_openai.client import AzureOpenAi
from service.launch.targets.azure_openai.settings import AZURE_OPENAI
from service.launch.targets.azure_serverless.client import AzureServerless
from service.launch.targets.azure_serverless.settings import AZURE_SERVERLESS
from service.launch.targets.capabilities import capabilities, target_refusals
from service.launch.targets.kaito.client import Kaito
from service.launch.targets.kaito.settings import KAITO
from service.launch.targets.target import Capabilities, LaunchPlan, Target

LOCAL, AZURE_ML = "local", "azure-ml"


def is_remote(target: str) -> bool:
    """Whether a plan for this target is carried out somewhere else."""
    return target != LOCAL


def target_of(plan: LaunchPlan) -> Target:
    """The target as it was configured when the plan was launched; settings that changed since move no job.

    Raises:
        TuneGateError: `target_cannot` for a plan of another version.
    """
    if plan.target == KAITO:
        return Kaito(plan)
    if plan.target == AZURE_OPENAI:
        return AzureOpenAi(plan)
    if plan.target == AZURE_SERVERLESS:
        return AzureServerless(plan)
    if plan.target != AZURE_ML:
        raise TuneGateError("target_cannot", f"This version does not launch on {plan.target!r}.")
    return azure_ml(msgspec.convert(plan.manifest["where"], AzureMlSettings))


@lru_cache(maxsize=16)
def azure_ml(where: AzureMlSettings) -> AzureMl:
    """One client per workspace: its tokens and connections are shared by all jobs."""
    return AzureMl(where)


def built(target: str, rules: RuleFiles) -> Capabilities:
    """What a target can do, where this version launches on it.

    Raises:
        TuneGateError: `target_cannot` with those that can be launched on.
    """
    errors = target_refusals(target, None, rules)
    if errors:
        raise TuneGateError("target_cannot", str(errors[0].remedy), errors=errors)
    return capabilities(rules)[target]
