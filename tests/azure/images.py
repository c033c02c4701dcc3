"""Container registries over the loopback: Azure's, which hands out tokens by its exchange, and those of anybody."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

from login import TENANT, claims_of
from loopback import Answer, Asked

IMAGE = "application/vnd.oci.image.manifest.v1+json"
LIST = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
_REFRESH, _PULL, _ANYBODY = "a-refresh-token", "a-token-to-pull", "a-token-for-anybody"
_DENIED = {"errors": [{"code": "UNAUTHORIZED", "message": "said by the loopback registry"}]}


class Images:
    """Manifests by repository and digest; `pulls` False: the identity lacks AcrPull."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, str]] = {}
        self.pulls = True
        # what the challenge of Azure's registry names, where a test has it lie
        self.realm: str | None = None
        # bytes more than there are, by the answer to HEAD
        self.overstated = 0

    def push(self, name: str, content: Any = None, media_type: str = IMAGE) -> str:
        """Its digest."""
        body = json.dumps(content or image()).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.kept[f"/v2/{name}/manifests/{digest}"] = (body, media_type)
        return digest

    def azure(self, asked: Asked) -> Answer | None:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if asked.path == "/oauth2/exchange" and asked.method == "POST":
            token = claims_of(form["access_token"])
            known = (
                token.get("aud") == "https://containerregistry.azure.net" and form["tenant"] == token["tid"] == TENANT
            )
            known = known and (form["grant_type"], form["service"]) == ("access_token", asked.host)
            return Answer.of({"refresh_token": _REFRESH}) if known else Answer.of(_DENIED, 401)
        if asked.path == "/oauth2/token" and asked.method == "POST":
            known = (form["grant_type"], form["service"], form["refresh_token"]) == (
                "refresh_token",
                asked.host,
                _REFRESH,
            )
            token = f"{_PULL}-of-{form['scope']}"
            return Answer.of({"access_token": token}) if known else Answer.of(_DENIED, 401)
        scope = f"repository:{_repository(asked)}:pull"
        if asked.headers.get("authorization") != f"Bearer {_PULL}-of-{scope}":
            realm = self.realm or f"https://{asked.host}/oauth2/token"
            return _challenge(realm, asked.host, scope)
        return self._manifest(asked) if self.pulls else Answer.of(_DENIED, 401)

    def other(self, asked: Asked) -> Answer | None:
        """Anybody may have a token of the token service that the registry names."""
        if asked.path == "/token":
            return Answer.of({"token": f"{_ANYBODY}-of-{asked.query['scope']}-{asked.query['service']}"})
        scope = f"repository:{_repository(asked)}:pull"
        if asked.headers.get("authorization") != f"Bearer {_ANYBODY}-of-{scope}-pictures":
            where = "auth.docker.io" if asked.host.endswith("docker.io") else "login.quokkas.org"
            return _challenge(f"https://{where}/token", "pictures", scope)
        return self._manifest(asked)

    def _manifest(self, asked: Asked) -> Answer:
        found = self.kept.get(asked.path)
        if found is None:
            return Answer.of({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, 404)
        body, media_type = found
        more = {"Content-Length": str(len(body) + self.overstated)} if asked.method == "HEAD" else {}
        return Answer(200, body, {"Content-Type": media_type} | more)


def image(**changes: Any) -> dict[str, Any]:
    """The manifest of an image."""
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": f"sha256:{'1' * 64}", "size": 10}
    config = {"mediaType": CONFIG, "digest": f"sha256:{'2' * 64}", "size": 10}
    return {"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer]} | changes


def image_list(*architectures: str) -> dict[str, Any]:
    """A list of images for Linux."""
    entries = [
        {"mediaType": IMAGE, "digest": f"sha256:{'3' * 64}", "size": 10,
         "platform": {"os": "linux", "architecture": one}} for one in architectures
    ]  # fmt: skip
    return {"schemaVersion": 2, "mediaType": LIST, "manifests": entries}


def _repository(asked: Asked) -> str:
    return asked.path.removeprefix("/v2/").partition("/manifests/")[0]


def _challenge(realm: str, service: str, scope: str) -> Answer:
    said = f'Bearer realm="{realm}",service="{service}",scope="{scope}"'
    return Answer.of(_DENIED, 401, **{"WWW-Authenticate": said})
