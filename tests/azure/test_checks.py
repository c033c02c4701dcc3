"""tunegate targets check azure-ml: what is missing is named with its remedy before anything is launched."""

from __future__ import annotations

import msgspec
import pytest
from conftest import IMAGE, Azure
from workspace import CLUSTER, SIZE

from service.launch.targets.azure_ml.client import AzureMl
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.target import Check

WHERE = AzureMlSettings(
    subscription_id="11111111-2222-3333-4444-555555555555", resource_group="rg", workspace="space", compute=CLUSTER,
    instance_type=SIZE, image=IMAGE,
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("led_there")


def checked(**changes: object) -> dict[str, Check]:
    return {one.name: one for one in AzureMl(msgspec.structs.replace(WHERE, **changes)).check()}


def test_region_and_quota_are_looked_at(azure: Azure) -> None:
    found = checked(instance_count=2, image=f"registry.azurecr.io/tunegate@{azure.images.push('tunegate')}")
    assert {name: one.verdict for name, one in found.items()} == {
        "credential": "ok", "workspace": "ok", "region": "ok", "quota": "ok", "compute": "ok", "storage": "ok",
        "image": "ok",
    }  # fmt: skip
    assert found["quota"].seen == "48 vCPU of standardNCADSA100v4Family are needed, 48 of 48 are free"
    azure.workspace.quota = 24
    short = checked(instance_count=2)["quota"]
    assert short.verdict == "failed"
    assert "Ask for 48 vCPU" in short.remedy


def test_a_region_without_the_machine_is_named() -> None:
    found = checked(instance_type="Standard_ND96isr_H100_v5")
    assert found["region"].verdict == "failed"
    assert found["quota"].verdict == "unknown"


def test_what_may_not_be_read_is_unknown_and_never_ok(azure: Azure) -> None:
    azure.fail(r"/usages\?", 403, times=10)
    assert checked()["quota"].verdict == "unknown"
