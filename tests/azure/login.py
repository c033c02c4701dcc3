"""The identity platform: tells where it is, and gives a token for the client's secret."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs

from loopback import SECRET, Answer, Asked

TENANT = "99999999-8888-7777-6666-555555555555"
_BASE = f"https://login.microsoftonline.com/{TENANT}"


def login(asked: Asked) -> Answer | None:
    """Discovery, configuration, token."""
    if asked.path.endswith("/discovery/instance"):
        hosts = {"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.microsoftonline.com",
                 "aliases": ["login.microsoftonline.com"]}  # fmt: skip
        where = f"{_BASE}/v2.0/.well-known/openid-configuration"
        return Answer.of({"tenant_discovery_endpoint": where, "metadata": [hosts], "api-version": "1.1"})
    if asked.path.endswith("/openid-configuration"):
        return Answer.of(
            {"issuer": f"{_BASE}/v2.0", "authorization_endpoint": f"{_BASE}/oauth2/v2.0/authorize",
             "token_endpoint": f"{_BASE}/oauth2/v2.0/token"}
        )  # fmt: skip
    if asked.path.endswith("/token"):
        form = parse_qs(asked.body.decode())
        if form["client_secret"] != [SECRET]:
            return Answer.of({"error": "invalid_client", "error_description": "AADSTS7000215"}, 401)
        audience = form["scope"][0].split()[0].removesuffix("/.default")
        return Answer.of({"token_type": "Bearer", "expires_in": 3600, "access_token": _token(audience)})
    return None


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, if it is one of ours."""
    try:
        part = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims


def _token(audience: str) -> str:
    claims = {"tid": TENANT, "exp": int(time.time()) + 3600, "aud": audience}
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + ".x"
