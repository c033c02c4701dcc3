"""Whether the workspace's region has the machines, and the subscription the quota for as many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import talking
from service.launch.targets.target import Check

_READER = "Give the identity the role 'Reader' on the subscription, or look in the portal under Quotas."


def quota_checks(where: AzureMlSettings, ml: Callable[[], Any]) -> Iterator[Check]:
    """Region, then quota; what may not be read is unknown."""
    try:
        with talking("asking for the region's machines"):
            sizes = [_fields(one) for one in ml().compute.list_sizes()]
        with talking("asking for the quota"):
            usages = [_fields(one) for one in ml().compute.list_usage()]
    except TuneGateError as error:
        for name in ("region", "quota"):
            yield Check(name=name, verdict="unknown", seen=error.detail, remedy=_READER)
        return
    wanted = where.instance_type.casefold()
    size = next((one for one in sizes if str(one.get("name", "")).casefold() == wanted), None)
    if size is None:
        remedy = "Use a size that the region has (az ml compute list-sizes), or a workspace in another region."
        yield Check(name="region", verdict="failed", seen=f"it has no {where.instance_type}", remedy=remedy)
        yield Check(name="quota", verdict="unknown", seen="its family is not known in this region", remedy=remedy)
        return
    yield Check(name="region", verdict="ok", seen=f"it has {where.instance_type}, family {size.get('family')}")
    yield _quota(where, size, usages)


def _quota(where: AzureMlSettings, size: dict[str, Any], usages: list[dict[str, Any]]) -> Check:
    family, cores = str(size.get("family")), int(size.get("vCPUs") or 0) * where.instance_count
    found = next((one for one in usages if str(_name(one)).casefold() == family.casefold()), None)
    if found is None:
        return Check(name="quota", verdict="unknown", seen=f"none is told for {family}", remedy=_READER)
    limit, used = int(found.get("limit") or 0), int(found.get("currentValue") or 0)
    seen = f"{cores} vCPU of {family} are needed, {limit - used} of {limit} are free"
    if limit < cores:
        remedy = (
            f"Ask for {cores} vCPU of {family} in the workspace's region (portal: Quotas), or lower instance_count."
        )
        return Check(name="quota", verdict="failed", seen=seen, remedy=remedy)
    # what is in use may be given back before the job begins
    return Check(name="quota", verdict="ok" if limit - used >= cores else "unknown", seen=seen, remedy="Jobs wait.")


def _name(usage: dict[str, Any]) -> Any:
    name = usage.get("name")
    return name.get("value") if isinstance(name, dict) else getattr(name, "value", name)


def _fields(one: Any) -> dict[str, Any]:
    """What the service said, by its own names: the SDK's entity keeps them beside attributes that stay empty."""
    return {name: value for name, value in vars(one).items() if value is not None}
