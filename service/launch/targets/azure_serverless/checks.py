"""Looks at what a serverless job needs: credential, project, its region, and that its jobs can be read."""

from __future__ import annotations

from collections.abc import Iterator

from service.launch.targets.azure_ml.checks import asked, credential_check
from service.launch.targets.azure_ml.workspace import Workspace
from service.launch.targets.azure_serverless.settings import AzureServerlessSettings
from service.launch.targets.target import Check

_ROLE = "Give the identity the role 'Azure AI Developer' on the hub project."


def checks(where: AzureServerlessSettings, workspace: Workspace) -> list[Check]:
    """Each with its remedy."""
    found = [credential_check(workspace.credential)]
    if found[0].verdict != "ok":
        return [*found, Check(name="project", verdict="unknown", seen="not asked without a credential")]
    return [*found, *_rest(where, workspace)]


def _rest(where: AzureServerlessSettings, workspace: Workspace) -> Iterator[Check]:
    regions: list[str] = []

    def project() -> str:
        regions.append(str(workspace.ml().workspaces.get(where.workspace).location))
        return f"{where.resource_group}/{where.workspace} in {regions[0]}"

    yield asked(
        "project", "asking for the project", project,
        {"remote_gone": "Check subscription_id, resource_group and workspace (a hub project's name).",
         "target_refused": _ROLE, "target_unreachable": "Check network, proxy (HTTPS_PROXY) and private endpoints."},
    )  # fmt: skip
    if regions and regions[0] != where.region:
        remedy = f"Set azure-serverless.region to {regions[0]}: what is offered depends on it."
        yield Check(name="region", verdict="failed", seen=f"{regions[0]}, not {where.region}", remedy=remedy)
    elif regions:
        yield Check(name="region", verdict="ok", seen=where.region)


def offered_check(models: list[str], where: AzureServerlessSettings) -> Check:
    """What the rules say that can be tuned in the region."""
    if models:
        return Check(name="tunable", verdict="ok", seen=", ".join(models))
    remedy = "Take a project in another region: rules/tunable.toml lists them."
    return Check(name="tunable", verdict="failed", seen=f"nothing in {where.region}", remedy=remedy)
