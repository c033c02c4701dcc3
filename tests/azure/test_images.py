"""tunegate targets check azure-ml: images are looked for in their registries, by digest, before machines pull them."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from conftest import Azure
from images import IMAGE, LIST, image, image_list
from test_checks import WHERE

from service.launch.targets.azure_ml.client import AzureMl
from service.launch.targets.azure_ml.image import image_check
from service.launch.targets.azure_ml.workspace import Workspace
from service.launch.targets.target import Check

AZURE, ELSEWHERE = "registry.azurecr.io/team/tunegate", "images.quokkas.org/team/tunegate"
Checked = Callable[[str], Check]


pytestmark = pytest.mark.usefixtures("led_there")


@pytest.fixture
def checked() -> Checked:
    return lambda reference: image_check("image", reference, Workspace(WHERE, "azure-ml").credential)


def test_both_images_are_looked_for_by_the_identity_that_azure_gives(azure: Azure) -> None:
    training, serving = (
        azure.images.push("team/tunegate"),
        azure.images.push("serving", image_list("arm64", "amd64"), LIST),
    )
    where = msgspec.structs.replace(
        WHERE, image=f"{AZURE}:v1@{training}", serving_image=f"registry.azurecr.io/serving@{serving}"
    )
    found = {one.name: one for one in AzureMl(where).check()}
    assert (found["image"].verdict, found["serving_image"].verdict) == ("ok", "ok"), found
    assert found["image"].seen == f"{AZURE} has the digest: an image"
    assert "a list of images" in found["serving_image"].seen
    asked = [(one.method, one.path) for one in azure.requests if one.host == "registry.azurecr.io"]
    path = f"/v2/team/tunegate/manifests/{training}"
    assert asked[:5] == [
        ("HEAD", path), ("POST", "/oauth2/exchange"), ("POST", "/oauth2/token"), ("HEAD", path), ("GET", path),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "host", "service"),
    [
        (ELSEWHERE, "images.quokkas.org", "login.quokkas.org"),
        ("team/tunegate", "registry-1.docker.io", "auth.docker.io"),
        ("docker.io/team/tunegate", "registry-1.docker.io", "auth.docker.io"),
        ("tunegate", "registry-1.docker.io", "auth.docker.io"),
    ],
)
def test_other_registries_are_asked_as_anybody_and_see_nothing_of_azure_s(
    azure: Azure, checked: Checked, given: str, host: str, service: str
) -> None:
    digest = azure.images.push("library/tunegate" if given == "tunegate" else "team/tunegate")
    assert checked(f"{given}@{digest}").verdict == "ok"
    assert [one.host for one in azure.requests] == [host, service, host, host]
    assert azure.requests[1].headers.get("authorization") is None
    assert all(one.body == b"" for one in azure.requests)


@pytest.mark.parametrize("host", ["registry.azurecr.io.quokkas.org", "registry.azurecr.io:8443", "azurecr.quokkas.org"])
def test_a_host_that_only_looks_like_azure_s_gets_no_token(azure: Azure, checked: Checked, host: str) -> None:
    checked(f"{host}/team/tunegate@sha256:{'a' * 64}")
    assert not any(one.host.endswith("microsoftonline.com") for one in azure.requests)


def test_a_challenge_that_leads_elsewhere_is_not_followed_with_a_credential(azure: Azure, checked: Checked) -> None:
    azure.images.realm = "https://login.quokkas.org/token"
    found = checked(f"{AZURE}@{azure.images.push('team/tunegate')}")
    assert found.verdict == "unknown"
    assert "another host" in found.seen
    assert "login.quokkas.org" not in {one.host for one in azure.requests}


def test_a_digest_that_is_not_there_fails(azure: Azure, checked: Checked) -> None:
    azure.images.push("team/tunegate")
    for name in (AZURE, ELSEWHERE):
        found = checked(f"{name}@sha256:{'a' * 64}")
        assert found.verdict == "failed"
        assert "has no sha256:aaaaaaaaaaaa... in team/tunegate" in found.seen
        assert "Push the image" in found.remedy


@pytest.mark.parametrize("where", ["the pull", "/oauth2/exchange", "/oauth2/token", "manifests"])
def test_who_may_not_look_does_not_know_and_is_told_of_the_role(azure: Azure, checked: Checked, where: str) -> None:
    digest = azure.images.push("team/tunegate")
    azure.images.pulls = where != "the pull"
    if where.startswith("/oauth2"):
        azure.fail(where, 401, times=10)
    elif where == "manifests":
        azure.fail("/manifests/", 403, times=10)
    found = checked(f"{AZURE}@{digest}")
    assert found.verdict == "unknown"
    assert "may not pull team/tunegate" in found.seen
    assert "AcrPull" in found.remedy


@pytest.mark.parametrize("how", ["cut", 503, 429, 302])
def test_a_registry_that_does_not_answer_is_told(azure: Azure, checked: Checked, how: int) -> None:
    azure.fail(r"images\.quokkas\.org", how, times=10)
    found = checked(f"{ELSEWHERE}@{azure.images.push('team/tunegate')}")
    assert found.verdict == "unknown"
    assert "images.quokkas.org" in found.seen + found.remedy


def test_a_registry_that_hangs_holds_nothing_up(
    azure: Azure, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.launch.targets.azure_ml.pulling.ALL_SECONDS", 0.5)
    azure.fail(r"images\.quokkas\.org", "held before", times=10)
    found = checked(f"{ELSEWHERE}@{azure.images.push('team/tunegate')}")
    azure.let_go.set()
    assert found.verdict == "unknown"
    assert "too long" in found.seen


HELM = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": f"sha256:{'2' * 64}", "size": 10}


@pytest.mark.parametrize(
    ("content", "media_type", "seen"),
    [
        (image(config=HELM), IMAGE, "of an artifact (application/vnd.cncf.helm.config.v1+json)"),
        (image(), "application/vnd.docker.distribution.manifest.v1+prettyjws", "no image"),
        (image(), LIST, "no image"),
        (image(layers=[]), IMAGE, "of an artifact"),
        ({"layers": 5}, IMAGE, "no manifest"),
        ([1, 2], IMAGE, "no manifest"),
        ({"mediaType": "text/html"}, "text/html; charset=utf-8", "of text/html"),
        (image_list("arm64"), LIST, "no image for linux/amd64 (linux/arm64)"),
        ({"padding": "x" * (4 << 20)}, IMAGE, "larger than the 4 MiB"),
    ],
)
def test_what_is_there_and_no_image_fails(
    azure: Azure, checked: Checked, content: object, media_type: str, seen: str
) -> None:
    found = checked(f"{AZURE}@{azure.images.push('team/tunegate', content, media_type)}")
    assert found.verdict == "failed"
    assert seen in found.seen
    assert found.remedy


def test_answers_of_another_size_or_digest_fail(azure: Azure, checked: Checked) -> None:
    digest = azure.images.push("team/tunegate")
    azure.images.overstated = 7
    size = len(json.dumps(image()).encode())
    assert f"has {size} bytes, the registry said {size + 7}" in checked(f"{AZURE}@{digest}").seen
    azure.images.overstated = 0
    azure.images.kept[f"/v2/team/tunegate/manifests/{digest}"] = (json.dumps(image(layers=[1])).encode(), IMAGE)
    assert "another digest" in checked(f"{AZURE}@{digest}").seen


@pytest.mark.parametrize(
    "name", ["UPPER/case", "a b", "http://images.quokkas.org/x", "registry.azurecr.io/", "r.io/a/../b"]
)
def test_what_names_no_image_is_asked_of_nobody(azure: Azure, checked: Checked, name: str) -> None:
    assert checked(f"{name}@sha256:{'a' * 64}").verdict == "failed"
    assert azure.requests == []
