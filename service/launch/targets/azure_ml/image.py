"""Whether the image that machines will pull is in its registry, by digest, and is one that they can run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from service.errors import TuneGateError
from service.launch.targets.azure_ml.pulling import (
    IMAGES,
    LISTS,
    MOST_BYTES,
    Manifest,
    Reference,
    manifest,
    reference_of,
)
from service.launch.targets.azure_ml.talking import talking
from service.launch.targets.target import Check

_SCOPE = "https://containerregistry.azure.net/.default"
_CONFIGS = {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
# what Azure's GPU machines are
_MACHINE = ("linux", "amd64")
_PUSH = "Push the image, and set the digest that the push printed (docker buildx imagetools inspect shows it)."
_BUILD = "Build it for linux/amd64, push it, and set the digest that the push printed."


class _Platform(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""


class _Entry(msgspec.Struct, frozen=True):
    mediaType: str = ""  # noqa: N815 - the manifest's own name
    platform: _Platform | None = None


class _Content(msgspec.Struct, frozen=True):
    """As much of a manifest, or of a list of manifests, as tells what it is."""

    mediaType: str = ""  # noqa: N815 - the manifest's own name
    config: _Entry | None = None
    layers: list[Any] | None = None
    manifests: list[_Entry] | None = None


def image_check(setting: str, image: str, credential: Callable[[], Any]) -> Check:
    """The manifest of `image` as its registry has it; who may not look there does not know whether it is there.

    Never raises; it takes as long as a token and the registry's answers may.
    """
    where = reference_of(image)
    if where is None:
        remedy = f"Set {setting} to REGISTRY/NAME@sha256:..., lower case."
        return Check(name=setting, verdict="failed", seen="it names no image", remedy=remedy)
    try:
        found = manifest(where, _identity(where, credential))
    except TuneGateError as error:
        if error.code == "remote_gone":
            return Check(name=setting, verdict="failed", seen=error.detail, remedy=_PUSH)
        remedy = _denied(where) if error.code == "target_refused" else _unreached(where)
        return Check(name=setting, verdict="unknown", seen=error.detail, remedy=remedy)
    except Exception as error:  # noqa: BLE001 - what a registry sends makes no traceback
        return Check(name=setting, verdict="unknown", seen=f"the look failed ({type(error).__name__})",
                     remedy=_unreached(where))  # fmt: skip
    wrong = _wrong(where, found)
    if wrong is not None:
        seen, remedy = wrong
        return Check(name=setting, verdict="failed", seen=f"{where.host}/{where.name}: {seen}", remedy=remedy)
    kind = "a list of images" if found.media_type in LISTS else "an image"
    seen = f"{where.host}/{where.name} has the digest: {kind}"
    return Check(name=setting, verdict="ok", seen=seen, remedy=_pulled(where))


def _identity(where: Reference, credential: Callable[[], Any]) -> str | None:
    if not where.azure:
        return None
    with talking("asking for a token for the registry"):
        return str(credential().get_token(_SCOPE).token)


def _wrong(where: Reference, found: Manifest) -> tuple[str, str] | None:
    """(what is wrong, what to do), or None."""
    size = len(found.body)
    if size > MOST_BYTES:
        return f"the manifest is larger than the {MOST_BYTES >> 20} MiB that one may have", _PUSH
    if found.length is not None and found.length != size:
        return f"the manifest has {size} bytes, the registry said {found.length}", "Ask again; a proxy may change it."
    if f"sha256:{hashlib.sha256(found.body).hexdigest()}" != where.digest:
        return "what the registry sends has another digest", "Ask again; a proxy may change it."
    try:
        content = msgspec.json.decode(found.body, type=_Content)
    except (msgspec.DecodeError, RecursionError):
        return "what has the digest is no manifest", _PUSH
    if found.media_type not in (*IMAGES, *LISTS) or content.mediaType not in {"", found.media_type}:
        return f"the digest is of {_said(content.mediaType or found.media_type)}, no image", _PUSH
    return _list_wrong(content) if found.media_type in LISTS else _image_wrong(content)


def _image_wrong(content: _Content) -> tuple[str, str] | None:
    kind = content.config.mediaType if content.config else ""
    if kind not in _CONFIGS or not content.layers:
        return f"the digest is of an artifact ({_said(kind)}), no image", _PUSH
    return None


def _list_wrong(content: _Content) -> tuple[str, str] | None:
    platforms = [one.platform for one in content.manifests or [] if one.platform is not None]
    # an entry need not say what it is for
    untold = len(platforms) < len(content.manifests or [])
    if untold or any((one.os, one.architecture) == _MACHINE for one in platforms):
        return None
    seen = ", ".join(sorted({f"{one.os}/{one.architecture}" for one in platforms})[:8])
    return f"the list has no image for {'/'.join(_MACHINE)} ({_said(seen)})", _BUILD


def _said(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:80] or "nothing told"


def _denied(where: Reference) -> str:
    if where.azure:
        return "Give this identity, and the compute's own, the role AcrPull on the registry (or its ABAC reader role)."
    return "The registry wants a login: copy the image into an Azure registry (az acr import), which the compute reads."


def _unreached(where: Reference) -> str:
    return f"Check the name {where.host}, network, proxy (HTTPS_PROXY) and a private endpoint; the compute pulls it."


def _pulled(where: Reference) -> str:
    who = "The compute's identity needs AcrPull there; the" if where.azure else "The compute must reach it too; the"
    return f"{who} image is not opened: it needs what docs/targets.md says."
