"""Asks a container registry for a manifest, as the pull of an image begins: the distribution specification's HTTP.

Azure's registries get the identity's token by their own exchange (azure.github.io/acr/AAD-OAuth.html). Every other
registry is asked as anybody: nothing of Azure's is ever sent to it.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from service.errors import TuneGateError
from service.launch.targets.talking import PASSING, unreachable

if TYPE_CHECKING:
    import httpx

# the specification's least upper bound for a manifest
MOST_BYTES = 4 << 20
# of Azure's public cloud, of China's and of the US government's
_AZURE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.azurecr\.(io|cn|us)")
_DOCKER = {"docker.io", "index.docker.io"}
_DOCKER_HOST, _DOCKER_OWN = "registry-1.docker.io", "library"
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(/{_PART})*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"', re.IGNORECASE)
# what fits a header
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
# of one wait, and of everything that is asked about one image
_STEP_SECONDS = 10.0
ALL_SECONDS = 30.0
_DOING = "asking for the image"
_DENIED = frozenset({401, 403})


class Reference(msgspec.Struct, frozen=True):
    """An image by digest; `host` may have a port, `name` is the repository."""

    host: str
    name: str
    digest: str

    @property
    def azure(self) -> bool:
        """Whether the host is a registry of Azure's, which alone may see what proves our identity."""
        return _AZURE.fullmatch(self.host) is not None


class Manifest(msgspec.Struct, frozen=True):
    """What the registry has under the digest; `length` is what it said before it sent `body`."""

    media_type: str
    length: int | None
    body: bytes


class _Answer(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes


def reference_of(image: str) -> Reference | None:
    """The parts of REGISTRY/NAME[:TAG]@sha256:..., or None; without a registry it is one of Docker Hub."""
    tagged, _, digest = image.partition("@")
    first, _, rest = tagged.partition("/")
    host, name = (first.lower(), rest) if rest and re.search(r"[.:]|^localhost$", first) else ("docker.io", tagged)
    path, slash, last = name.rpartition("/")
    name = f"{path}{slash}{last.partition(':')[0]}"
    if host in _DOCKER:
        host, name = _DOCKER_HOST, name if "/" in name else f"{_DOCKER_OWN}/{name}"
    fits = _HOST.fullmatch(host) and _NAME.fullmatch(name) and _DIGEST.fullmatch(digest)
    return Reference(host, name, digest) if fits else None


def manifest(where: Reference, identity: str | None) -> Manifest:
    """What the registry has; `identity` is a token of Entra ID for Azure's registries. It takes ALL_SECONDS at
    most, and what a name server that does not answer takes beyond them.

    Raises:
        TuneGateError: `target_unreachable`, `target_refused` (401, 403 and what cannot be understood), `remote_gone`.
    """
    return asyncio.run(_bounded(where, identity))


async def _bounded(where: Reference, identity: str | None) -> Manifest:
    import httpx

    try:
        async with asyncio.timeout(ALL_SECONDS), httpx.AsyncClient(timeout=_STEP_SECONDS) as client:
            return await _manifest(client, where, identity)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise unreachable(_DOING, "it takes too long", who=where.host) from error
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreachable(_DOING, type(error).__name__, who=where.host) from error


async def _manifest(client: httpx.AsyncClient, where: Reference, identity: str | None) -> Manifest:
    address = f"https://{where.host}/v2/{where.name}/manifests/{where.digest}"
    headers = {"Accept": ", ".join(ACCEPTED)}
    head = await _asked(client, "HEAD", address, headers)
    if head.status == 401:
        headers["Authorization"] = f"Bearer {await _token(client, where, _challenge(head, where), identity)}"
        head = await _asked(client, "HEAD", address, headers)
    _require_found(head, where)
    whole = await _asked(client, "GET", address, headers)
    _require_found(whole, where)
    said = head.headers.get("content-length", "")
    media_type = whole.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Manifest(media_type, int(said) if said.isascii() and said.isdigit() else None, whole.body)


async def _token(
    client: httpx.AsyncClient, where: Reference, challenge: Mapping[str, str], identity: str | None
) -> str:
    """What lets us pull from this one repository."""
    scope = f"repository:{where.name}:pull"
    if not where.azure:
        return await _anonymous(client, where, challenge, scope)
    place = f"https://{where.host}/oauth2"
    if challenge.get("realm") != f"{place}/token" or challenge.get("service") != where.host:
        raise _refused(where, "its challenge leads to another host, where no credential is sent")
    if identity is None:
        raise _refused(where, "there is no token of Entra ID for it")
    form = {"grant_type": "access_token", "service": where.host, "access_token": identity} | _tenant(identity)
    refresh = _granted(await _asked(client, "POST", f"{place}/exchange", {}, form), where, "refresh_token")
    form = {"grant_type": "refresh_token", "service": where.host, "scope": scope, "refresh_token": refresh}
    return _granted(await _asked(client, "POST", f"{place}/token", {}, form), where, "access_token")


async def _anonymous(client: httpx.AsyncClient, where: Reference, challenge: Mapping[str, str], scope: str) -> str:
    import httpx

    realm = httpx.URL(challenge.get("realm", ""))
    if realm.scheme != "https" or not realm.host or realm.userinfo:
        raise _refused(where, "its challenge names no https address")
    asked = {"scope": scope} | ({"service": challenge["service"]} if "service" in challenge else {})
    answer = await _asked(client, "GET", str(realm.copy_merge_params(asked)), {})
    return _granted(answer, where, "token", "access_token")


async def _asked(
    client: httpx.AsyncClient, method: str, address: str, headers: dict[str, str], form: dict[str, str] | None = None
) -> _Answer:
    """One answer, no redirect followed, no more of it read than a manifest may have."""
    # what is hashed and counted is what was sent
    plain = headers | {"Accept-Encoding": "identity"}
    async with client.stream(method, address, headers=plain, data=form, follow_redirects=False) as answer:
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > MOST_BYTES:
                break
        return _Answer(answer.status_code, answer.headers, bytes(body))


def _challenge(answer: _Answer, where: Reference) -> dict[str, str]:
    said = answer.headers.get("www-authenticate", "")
    _, bearer, rest = said.partition("Bearer ")
    if not bearer:
        raise _refused(where, "it wants another login than a token")
    return {name.lower(): value for name, value in _PARAMETER.findall(rest)}


def _granted(answer: _Answer, where: Reference, *names: str) -> str:
    """The first of these that a token service handed out."""
    _require_passed(answer, where)
    try:
        found = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        found = {}
    given = next((found[name] for name in names if isinstance(found.get(name), str)), "")
    if not _TOKEN.fullmatch(given):
        raise _refused(where, "its token service hands out no token")
    return given


def _require_found(answer: _Answer, where: Reference) -> None:
    if answer.status == 404:
        raise TuneGateError("remote_gone", f"{where.host} has no {where.digest[:19]}... in {where.name}.")
    _require_passed(answer, where)


def _require_passed(answer: _Answer, where: Reference) -> None:
    if answer.status in PASSING or answer.status > 500:
        raise unreachable(_DOING, f"status {answer.status}", who=where.host)
    if answer.status in _DENIED:
        raise _refused(where, f"we may not pull {where.name} (status {answer.status})")
    if answer.status != 200:
        raise _refused(where, f"status {answer.status}, which no registry should answer here")


def _refused(where: Reference, why: str) -> TuneGateError:
    return TuneGateError("target_refused", f"{_DOING}: {where.host}: {why}.")


def _tenant(identity: str) -> dict[str, str]:
    """The tenant that a token names itself; without one the registry takes its own."""
    part = identity.split(".")[1] if identity.count(".") == 2 else ""
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, Any])
    except (ValueError, RecursionError):
        return {}
    return {"tenant": claims["tid"]} if isinstance(claims.get("tid"), str) else {}


IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
LISTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ACCEPTED = (*IMAGES, *LISTS)
