"""Looks at everything that a launch needs, one after the other; what cannot be looked at is said to be unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from service.errors import TuneGateError
from service.launch.targets.azure_ml.image import image_check
from service.launch.targets.azure_ml.quota import quota_checks
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import talking
from service.launch.targets.target import Check

if TYPE_CHECKING:
    from service.launch.targets.azure_ml.outputs import Outputs

_SCOPE = "https://management.azure.com/.default"
_ROLE = "Give the identity the role 'AzureML Data Scientist' on the workspace."


def checks(
    where: AzureMlSettings, ml: Callable[[], Any], credential: Callable[[], Any], outputs: Outputs
) -> list[Check]:
    """Credential, workspace with network and role, region, quota, compute, storage, images."""
    found = [credential_check(credential)]
    if found[0].verdict != "ok":
        skipped = ("workspace", "region", "quota", "compute", "storage", *_images(where))
        return [*found, *(Check(name=one, verdict="unknown", seen="not asked without a credential") for one in skipped)]
    looked = (image_check(setting, image, credential) for setting, image in _images(where).items())
    return [*found, *_rest(where, ml, outputs), *looked]


def credential_check(credential: Callable[[], Any]) -> Check:
    remedy = "az login; or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; or use a managed identity."
    try:
        with talking("asking for a token"):
            credential().get_token(_SCOPE)
    except TuneGateError as error:
        if error.code == "missing_extra":
            remedy = error.remedy
        return Check(name="credential", verdict="failed", seen=error.detail, remedy=remedy)
    return Check(name="credential", verdict="ok", seen="DefaultAzureCredential has a token")


def _rest(where: AzureMlSettings, ml: Callable[[], Any], outputs: Outputs) -> Iterator[Check]:
    name = f"{where.resource_group}/{where.workspace}"
    yield asked(
        "workspace", "asking for the workspace", lambda: f"{name} in {ml().workspaces.get(where.workspace).location}",
        {"remote_gone": "Check subscription_id, resource_group and workspace.", "target_refused": _ROLE,
         "target_unreachable": "Check network, proxy (HTTPS_PROXY) and a private endpoint of the workspace."},
    )  # fmt: skip
    yield from quota_checks(where, ml)
    yield _compute(where, ml)
    yield asked(
        "storage", "asking for the datastore", lambda: _storage(where, outputs),
        {"remote_gone": f"The workspace has no datastore {where.datastore!r}: set datastore.",
         "target_refused": "Give the identity 'Storage Blob Data Contributor', or the datastore a key.",
         "target_unreachable": "Check the storage account's firewall and private endpoint."},
    )  # fmt: skip


def _images(where: AzureMlSettings) -> dict[str, str]:
    """What machines pull, by the settings that name it."""
    given = {"image": where.image, "serving_image": where.serving_image}
    return {setting: image for setting, image in given.items() if image is not None}


def _compute(where: AzureMlSettings, ml: Callable[[], Any]) -> Check:
    try:
        with talking("asking for the compute"):
            found = ml().compute.get(where.compute)
    except TuneGateError as error:
        if error.code == "remote_gone" and where.make_compute:
            return Check(name="compute", verdict="ok", seen=f"{where.compute} is made by the first job")
        remedy = f"Make a cluster {where.compute!r} of {where.instance_type}, or set compute or make_compute."
        return Check(name="compute", verdict="failed", seen=error.detail, remedy=remedy)
    size, most = str(getattr(found, "size", "") or ""), getattr(found, "max_instances", None)
    if size.casefold() != where.instance_type.casefold():
        remedy = f"Set instance_type to {size}, or name a cluster of {where.instance_type}: costs count by it."
        return Check(name="compute", verdict="failed", seen=f"its machines are {size or 'not told'}", remedy=remedy)
    if most is not None and most < where.instance_count:
        remedy = "Raise the cluster's maximum (and the quota of its family), or lower instance_count."
        return Check(name="compute", verdict="failed", seen=f"at most {most} machine(s)", remedy=remedy)
    return Check(name="compute", verdict="ok", seen=f"{where.compute}: {size}, up to {most} machine(s)")


def _storage(where: AzureMlSettings, outputs: Outputs) -> str:
    next(iter(outputs.container().list_blobs(results_per_page=1)), None)
    return f"{where.datastore} can be read"


def asked(name: str, doing: str, ask: Callable[[], str], remedies: dict[str, str]) -> Check:
    try:
        with talking(doing):
            return Check(name=name, verdict="ok", seen=ask())
    except TuneGateError as error:
        return Check(name=name, verdict="failed", seen=error.detail, remedy=remedies.get(error.code, error.remedy))
