"""tunegate keys and the door of tunegate serve, as commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.errors import TuneGateError
from service.settings import load_settings


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments], capture_output=True, text=True, timeout=120, check=False,
        env=environment | {"TUNEGATE_HOME": str(home)} | variables,
    )  # fmt: skip


def listed(home: Path, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(home, "keys", *arguments, "--format", "json").stdout)["items"]
    return found


def test_a_key_is_made_listed_and_taken_back(tmp_path: Path) -> None:
    shown = run(tmp_path, "keys", "create", "build robot", "--scope", "lint", "--project", "speech")
    assert shown.returncode == 0, shown.stderr
    secret = shown.stdout.splitlines()[0]
    (key,) = listed(tmp_path, "list")
    assert secret.startswith(f"tunegate_{key['id']}_")
    assert (key["name"], key["scopes"], key["project"]) == ("build robot", ["lint"], "speech")
    assert listed(tmp_path, "list", "--project", "other") == []
    wrong = run(tmp_path, "keys", "revoke", secret)
    assert (wrong.returncode, secret in wrong.stderr) == (2, False)
    first = json.loads(run(tmp_path, "keys", "revoke", key["id"], "--format", "json").stdout)
    again = json.loads(run(tmp_path, "keys", "revoke", key["id"], "--format", "json").stdout)
    assert first["revoked_at"] == again["revoked_at"] is not None
    log = listed(tmp_path, "audit")
    assert [(one["action"], one["subject"]) for one in log] == [("key.created", key["id"]), ("key.revoked", key["id"])]
    assert run(tmp_path, "keys", "revoke", "0" * 12).returncode == 2


def test_everything_that_is_wrong_with_a_key_is_said(tmp_path: Path) -> None:
    wrong = ["--project", "../x", "--expires", "soon", "--requests-per-minute", "99999999999"]
    refused = run(tmp_path, "keys", "create", "", *wrong, "--format", "json")
    assert refused.returncode == 2
    where = [one["where"] for one in json.loads(refused.stderr)["errors"]]
    assert where == ["name", "project", "expires", "requests-per-minute"]


@pytest.mark.parametrize("variables", [{}, {"TUNEGATE_AUTH": "required"}])
def test_beyond_loopback_somebody_must_ask_for_keys(tmp_path: Path, variables: dict[str, str]) -> None:
    # 192.0.2.1 (RFC 5737) is no address of this machine: where the door is shut it is not even tried
    tried = run(tmp_path, "serve", "--host", "192.0.2.1", "--port", "0", **variables)
    if not variables:
        assert (tried.returncode, "keys create" in tried.stderr) == (2, True)
        insecure = run(tmp_path, "serve", "--host", "192.0.2.1", "--port", "0", "--no-auth")
        assert (insecure.returncode, "INSECURE" in insecure.stderr) == (3, True)
        run(tmp_path, "keys", "create", "first")
        tried = run(tmp_path, "serve", "--host", "192.0.2.1", "--port", "0")
    assert (tried.returncode, "192.0.2.1" in tried.stderr) == (3, True)
    both = run(tmp_path, "serve", "--host", "192.0.2.1", "--port", "0", "--no-auth", **variables)
    assert (both.returncode, "Leave --no-auth out" in both.stderr) == (2, True)


def test_every_variable_of_access_that_cannot_be_read_is_named() -> None:
    with pytest.raises(TuneGateError) as caught:
        load_settings({
            "TUNEGATE_AUTH": "maybe", "TUNEGATE_PROJECT_JOBS": "0", "TUNEGATE_REQUESTS_PER_MINUTE": "many",
            "TUNEGATE_OIDC_ISSUER": "https://a.example", "TUNEGATE_OIDC_JWKS_URL": "http://a.example/keys",
            "TUNEGATE_OIDC_SCOPES": "Role=read,Role=root", "TUNEGATE_OIDC_PROJECTS": "group=../x",
        })  # fmt: skip
    assert [one.where for one in caught.value.errors] == [
        "TUNEGATE_REQUESTS_PER_MINUTE", "TUNEGATE_PROJECT_JOBS", "TUNEGATE_AUTH", "TUNEGATE_OIDC_AUDIENCE",
        "TUNEGATE_OIDC_JWKS_URL", "TUNEGATE_OIDC_SCOPES: entry 2", "TUNEGATE_OIDC_PROJECTS: entry 1",
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/keys", "http://10.0.0.1/keys", "http://[", "https://"])
def test_keys_of_a_provider_come_from_where_nobody_can_change_them(url: str) -> None:
    three = {"TUNEGATE_OIDC_ISSUER": "https://a.example", "TUNEGATE_OIDC_AUDIENCE": "api"}
    with pytest.raises(TuneGateError, match="1 environment variable"):
        load_settings(three | {"TUNEGATE_OIDC_JWKS_URL": url})
    for fine in ("https://a.example/keys", "http://127.0.0.1:9/keys", "http://localhost/keys"):
        assert load_settings(three | {"TUNEGATE_OIDC_JWKS_URL": fine}).access.oidc is not None
