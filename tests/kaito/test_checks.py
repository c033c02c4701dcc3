"""targets check kaito: every thing that a launch needs, what was seen, and what to do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from service.launch.targets.kaito.client import Kaito
from service.launch.targets.target import Check
from tests.kaito.conftest import WHERE, Ground, launched
from tests.kaito.registry import Registry


def checked(address: str, **changes: str) -> dict[str, Check]:
    plan = launched(msgspec.structs.replace(WHERE, output_image=f"{address}/tuned/desk", **changes))
    return {one.name: one for one in Kaito(plan).check()}


def test_all_is_there(ground: Ground, registry: tuple[Registry, str]) -> None:
    found = checked(registry[1])
    assert {one.verdict for one in found.values()} == {"ok"}
    assert list(found) == ["kubeconfig", "api", "crd", "namespace", "rights", "push_secret", "registry"]
    assert "v1.31.0" in found["api"].seen
    assert not ground.cluster.counted("POST", "/workspaces")


def test_what_is_missing_comes_with_its_remedy(
    ground: Ground, registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.cluster.installed, ground.cluster.allowed = False, False
    ground.cluster.namespaces, ground.cluster.secrets = set(), set()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nowhere"))
    found = checked(registry[1])
    said = {name: one.remedy for name, one in found.items() if one.verdict == "failed"}
    assert said.keys() == {"crd", "namespace", "rights", "push_secret", "registry"}
    assert "Install KAITO" in said["crd"]
    assert "kubectl create namespace tuning" in said["namespace"]
    assert "kubectl create secret docker-registry push" in said["push_secret"]
    assert "docker login" in said["registry"]
    assert "create workspaces" in found["rights"].seen


def test_without_a_kubeconfig_nothing_more_is_asked(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    found = checked(registry[1])
    assert found["kubeconfig"].verdict == "failed"
    assert "KUBECONFIG" in found["kubeconfig"].remedy
    assert found["crd"].verdict == "unknown"


def test_an_api_server_that_is_down_is_told(
    ground: Ground, registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (tmp_path / "kubeconfig").read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1#")
    (tmp_path / "down").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "down"))
    found = checked(registry[1])
    assert found["api"].verdict == "failed"
    assert "private API server" in found["api"].remedy
    assert found["rights"].verdict == "unknown"


@pytest.mark.parametrize("tag", [":v1", f"@sha256:{'a' * 64}"])
def test_the_image_of_the_rows_is_looked_for(
    ground: Ground, registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    kept, address = registry
    rows = {"input_url": "", "input_image": f"{address}/rows/desk{tag}"}
    missing = checked(address, **rows)["input_image"]
    assert (missing.verdict, "Push the image" in missing.remedy) == ("failed", True)
    kept.manifests[f"rows/desk/manifests/{tag[1:]}"] = b"{}"
    assert checked(address, **rows)["input_image"].verdict == "ok"
    # the cluster has a login of its own
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nowhere"))
    assert checked(address, **rows)["input_image"].verdict == "unknown"
    assert "input_image" not in checked(address, input_url="", input_image=f"{address}/rows/desk:{{sha256}}")
