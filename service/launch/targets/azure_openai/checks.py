"""Looks at everything that a launch needs, one after the other; what cannot be looked at is said to be unknown."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import getproxies, proxy_bypass

from service.errors import TuneGateError
from service.launch.targets.azure_openai.account import KEY, Account
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings
from service.launch.targets.azure_openai.talking import talking
from service.launch.targets.target import Check

_ROLE = "Give the identity the role Foundry User (or Cognitive Services OpenAI Contributor) on the resource."
_NETWORK = "Check the name, DNS, firewall and proxy (HTTPS_PROXY), and a private endpoint of the resource."
_CALLS = ("jobs", "files", "models")
_SECONDS = 10.0


def checks(account: Account) -> list[Check]:
    """Network, credential, then the calls that a launch makes, none of which makes anything there."""
    found = [_network(account), _credential(account)]
    if any(one.verdict == "failed" for one in found):
        return [*found, *(Check(name=one, verdict="unknown", seen="not asked without the above") for one in _CALLS)]
    return [*found, *_calls(account)]


def _network(account: Account) -> Check:
    """DNS, TCP and TLS one by one, unless a proxy does it."""
    where, name = account.where, "network"
    scheme = where.endpoint.partition(":")[0]
    if (proxy := getproxies().get(scheme)) and not proxy_bypass(where.host):
        return Check(name=name, verdict="unknown", seen=f"{where.host} is asked through a proxy", remedy=_NETWORK)
    del proxy
    port = int((where.endpoint.split("//")[1].split("/")[0].partition(":")[2]) or (443 if scheme == "https" else 80))
    try:
        with socket.create_connection((where.host, port), timeout=_SECONDS) as raw:
            if scheme == "https":
                with ssl.create_default_context().wrap_socket(raw, server_hostname=where.host) as secured:
                    return Check(name=name, verdict="ok", seen=f"{where.host}: {secured.version()}")
    except socket.gaierror:
        return Check(name=name, verdict="failed", seen=f"DNS knows no {where.host}", remedy=_NETWORK)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or "no TLS"
        remedy = "Set SSL_CERT_FILE where a proxy of yours signs certificates. " + _NETWORK
        return Check(name=name, verdict="failed", seen=f"TLS with {where.host}: {why}", remedy=remedy)
    except OSError as error:
        seen = f"{where.host}:{port}: {type(error).__name__}"
        return Check(name=name, verdict="failed", seen=seen, remedy=_NETWORK)
    return Check(name=name, verdict="ok", seen=f"{where.host}:{port}, without TLS")


def _credential(account: Account) -> Check:
    remedy = f"Set {KEY} or key_file; or az login, or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET."
    try:
        with talking("asking for a token"):
            found = account.credential()
            if callable(found):
                found()
    except TuneGateError as error:
        remedy = error.remedy if error.code == "missing_extra" else f"{error.remedy} {remedy}".strip()
        return Check(name="credential", verdict="failed", seen=error.detail, remedy=remedy)
    if account.by_key:
        return Check(name="credential", verdict="ok", seen="a key is given")
    return Check(name="credential", verdict="ok", seen=f"DefaultAzureCredential has a token for {account.where.scope}")


def _calls(account: Account) -> Iterator[Check]:
    yield _asked(account, "jobs", "listing the jobs", lambda client: _first(client.fine_tuning.jobs.list(limit=1)))
    yield _asked(account, "files", "listing the files", lambda client: _first(client.files.list(limit=1)))
    yield _asked(account, "models", "listing the models", _tunable)


def _first(page: Any) -> str:
    """One page is enough to see that it may be read."""
    if not isinstance(getattr(page, "data", None), list):
        raise TuneGateError("target_refused", "The answer is no list: something between answers in Azure's place.")
    return "can be listed"


def _tunable(client: Any) -> str:
    """The catalogue's own flag, which is said to be wrong for open-weight models."""
    names = []
    for one in client.models.list():
        able = getattr(one, "capabilities", None)
        if isinstance(able, dict) and able.get("fine_tune") is True:
            names.append(str(one.id)[:80])
    shown = ", ".join(sorted(names)[:10])
    return f"tunable by the resource's own catalogue: {shown}" if shown else "its catalogue flags no model as tunable"


def _asked(account: Account, name: str, doing: str, ask: Callable[[Any], str]) -> Check:
    remedies = {
        "target_refused": _ROLE, "target_unreachable": _NETWORK,
        "remote_gone": "Set endpoint to the resource or the project, without /openai/v1.",
    }  # fmt: skip
    try:
        return Check(name=name, verdict="ok", seen=account.ask(doing, ask))
    except TuneGateError as error:
        return Check(name=name, verdict="failed", seen=error.detail, remedy=remedies.get(error.code, error.remedy))


def tunable_check(models: list[str], where: AzureOpenAiSettings) -> Check:
    """What the dated rows of the rules say can be tuned with these settings."""
    place = where.region if where.training_type == "Standard" else where.training_type
    if not models:
        remedy = "Take another region or training_type; tunegate's rules/tunable.toml lists them with their dates."
        return Check(name="tunable", verdict="failed", seen=f"no model that takes jobs in {place}", remedy=remedy)
    return Check(name="tunable", verdict="ok", seen=f"in {place}: {', '.join(models)}")
