"""Who may call the service and how much, from the environment: keys, tokens of an identity provider, limits."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

import msgspec

from service.allowed_addresses import trusted
from service.errors import ErrorItem, TuneGateError
from service.records.access import SCOPES

# a part of a path and of a key in the object store, so it has no dots and no slashes
PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LIMITS = (
    "TUNEGATE_REQUESTS_PER_MINUTE", "TUNEGATE_PROJECT_BYTES", "TUNEGATE_PROJECT_JOBS", "TUNEGATE_PROJECT_EVALUATIONS",
    "TUNEGATE_PROJECT_SYNTHESES",
)  # fmt: skip
_OIDC = ("TUNEGATE_OIDC_ISSUER", "TUNEGATE_OIDC_AUDIENCE", "TUNEGATE_OIDC_JWKS_URL")
_SHOWN = 40
_HOST = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")

Pairs = tuple[tuple[str, str], ...]


class OidcSettings(msgspec.Struct, frozen=True):
    """An identity provider whose tokens are taken.

    `scopes` says which scope an app role or scope of a token grants; `projects` which project a tenant (`tid`) or
    group gives, the first that fits; without it every token is of the default project.
    """

    issuer: str
    audience: str
    jwks_url: str
    scopes: Pairs = ()
    projects: Pairs = ()


class AccessSettings(msgspec.Struct, frozen=True):
    """Whether keys are asked for although none exists yet; limits are null for none.

    `hosts` are names, in small letters and without a port, under which an open service answers beside
    those of loopback.
    """

    required: bool = False
    oidc: OidcSettings | None = None
    requests_per_minute: int | None = None
    project_bytes: int | None = None
    project_jobs: int | None = None
    project_evaluations: int | None = None
    project_syntheses: int | None = None
    hosts: tuple[str, ...] = ()


def access_settings(values: Mapping[str, str]) -> AccessSettings:
    """Read TUNEGATE_AUTH, TUNEGATE_OIDC_* and the limits.

    Raises:
        TuneGateError: `usage`, naming every variable that cannot be read.
    """
    errors: list[ErrorItem] = []
    per_minute, size, jobs, evaluations, syntheses = (_limit(values, name, errors) for name in _LIMITS)
    auth = (values.get("TUNEGATE_AUTH") or "").strip().lower()
    if auth not in {"", "required"}:
        errors.append(ErrorItem("TUNEGATE_AUTH", auth[:_SHOWN], "required, or unset"))
    oidc = _oidc(values, errors)
    hosts = _hosts(values, errors)
    if errors:
        raise TuneGateError("usage", f"{len(errors)} environment variable(s) of access cannot be read.", errors=errors)
    return AccessSettings(auth == "required", oidc, per_minute, size, jobs, evaluations, syntheses, hosts)


def is_loopback(host: str) -> bool:
    """Whether a name or address, without a port, is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _hosts(values: Mapping[str, str], errors: list[ErrorItem]) -> tuple[str, ...]:
    found = [entry.lower() for entry in re.split(r"[,\s]+", values.get("TUNEGATE_HOSTS") or "") if entry]
    errors += [
        ErrorItem(f"TUNEGATE_HOSTS: entry {n}", entry[:_SHOWN], "a name without scheme, port and path")
        for n, entry in enumerate(found, 1)
        if not _HOST.fullmatch(entry)
    ]
    return tuple(found)


def _limit(values: Mapping[str, str], name: str, errors: list[ErrorItem]) -> int | None:
    seen = values.get(name)
    if not seen:
        return None
    if not re.fullmatch(r"0*[1-9][0-9]{0,17}", seen):
        errors.append(ErrorItem(name, seen[:_SHOWN], "a whole number above 0", "Leave it out for no limit."))
        return None
    return int(seen)


def _oidc(values: Mapping[str, str], errors: list[ErrorItem]) -> OidcSettings | None:
    given = [values.get(name) or "" for name in _OIDC]
    if not any(given):
        return None
    errors += [
        ErrorItem(name, "nothing", "a value: the three belong together")
        for name, value in zip(_OIDC, given, strict=True)
        if not value
    ]
    if given[2] and not trusted(given[2]):
        allowed = "https://..., or http on a loopback address"
        errors.append(ErrorItem("TUNEGATE_OIDC_JWKS_URL", given[2][:_SHOWN], allowed))
    scopes = _pairs(
        values, "TUNEGATE_OIDC_SCOPES", errors, lambda value: value in SCOPES, f"one of {', '.join(SCOPES)}"
    )
    named = "a project: small letters, digits and hyphens, at most 63"
    projects = _pairs(
        values, "TUNEGATE_OIDC_PROJECTS", errors, lambda value: PROJECT.fullmatch(value) is not None, named
    )
    issuer, audience, jwks_url = given
    usual = tuple((f"tunegate.{one}", one) for one in SCOPES)
    return OidcSettings(issuer, audience, jwks_url, scopes=scopes or usual, projects=projects)


def _pairs(
    values: Mapping[str, str], name: str, errors: list[ErrorItem], known: Callable[[str], bool], allowed: str
) -> Pairs:
    """`CLAIM=VALUE`, separated by commas or spaces."""
    entries = [entry for entry in re.split(r"[,\s]+", values.get(name) or "") if entry]
    found = tuple((claim, value) for claim, _, value in (entry.rpartition("=") for entry in entries))
    errors += [
        ErrorItem(f"{name}: entry {n}", value[:_SHOWN] or "nothing", f"CLAIM={allowed}")
        for n, (claim, value) in enumerate(found, 1)
        if not claim or not known(value)
    ]
    return found
