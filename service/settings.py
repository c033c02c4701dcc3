"""The environment, read once into one frozen value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import SplitResult, urlsplit

import msgspec

from service.access_settings import AccessSettings, access_settings
from service.errors import ErrorItem, TuneGateError

# Azure's and OpenAI's limit for one file; a larger set goes in parts
_MAX_BODY_BYTES = 512 * 2**20
_BODY_IDLE_SECONDS = 60
_CHAT_MODELS, _CHAT_IDLE_SECONDS = 2, 300
# below the 30 seconds that Kubernetes waits before it kills
_SHUTDOWN_SECONDS = 20
LogFormat = Literal["auto", "json", "text"]
_SHOWN = 40
_AZURE_ML, _KAITO = "TUNEGATE_AZURE_ML_", "TUNEGATE_KAITO_"
_PORTS = {"http": 80, "https": 443}


class AllowedEndpoint(msgspec.Struct, frozen=True):
    """An address that evaluations over HTTP may ask, with everything below it; `key` names the one variable whose key
    may be sent there, null for none.
    """

    address: str
    key: str | None = None

    def holds(self, endpoint: str) -> bool:
        """Whether an address is this one or lies below it: the same scheme, host and port, whole parts of the path."""
        ours, theirs = urlsplit(self.address), urlsplit(endpoint)
        parts, found = ours.path.strip("/").split("/"), theirs.path.strip("/").split("/")
        # what a client, a proxy or a server may read as another path
        odd = {".", ".."} & set(found) or any(sign in theirs.path.lower() for sign in ("%2e", "%2f", "%5c", "\\", "//"))
        return not odd and _host(ours) == _host(theirs) and (parts == [""] or found[: len(parts)] == parts)


class Settings(msgspec.Struct, frozen=True):
    """Where things live and what is allowed; see README "Environment" for every variable."""

    home: Path
    database_url: str
    storage_url: str
    rules: Path | None
    url: str
    api_key: str | None
    allow_download: bool
    max_body_bytes: int = _MAX_BODY_BYTES
    body_idle_seconds: int = _BODY_IDLE_SECONDS
    privacy_settings: Path | None = None
    # run code that a model brings: a flag of the command line alone, no variable and no request can set it
    trust_remote_code: bool = False
    # whether MODEL may be a path of this machine: for those who work on it, never for a request
    model_paths: bool = True
    # models that answer chats at once, and how long one stays loaded without a question
    chat_models: int = _CHAT_MODELS
    chat_idle_seconds: int = _CHAT_IDLE_SECONDS
    # what evaluations over HTTP may ask; the command line asks what its user says
    endpoints: tuple[AllowedEndpoint, ...] = ()
    # who may call the service, and how much
    access: AccessSettings = AccessSettings()
    # JSON lines or lines for people; auto: JSON where stderr is no terminal
    log_format: LogFormat = "auto"
    # how long requests in flight may go on after SIGTERM
    shutdown_seconds: int = _SHUTDOWN_SECONDS
    # whether /health/ready waits for the privacy scan, which takes seconds after a start
    ready_needs_privacy: bool = False
    # where cloud targets are named; and what TUNEGATE_AZURE_ML_* and TUNEGATE_KAITO_* say, by their names without it
    targets: Path | None = None
    azure_ml: tuple[tuple[str, str], ...] = ()
    kaito: tuple[tuple[str, str], ...] = ()

    @property
    def targets_file(self) -> Path:
        """The TOML file with a table for each configured cloud target."""
        return self.targets or self.home / "targets.toml"

    @property
    def models(self) -> Path:
        """Folder whose sub-folders can be named as MODEL."""
        return self.home / "models"

    @property
    def records(self) -> Path:
        """Folder where the CLI keeps the records that a plan rests on."""
        return self.home / "records"

    @property
    def calibrations(self) -> Path:
        """Folder of what was measured on this machine's devices, a JSON file for each."""
        return self.home / "calibrations"

    @property
    def uploads(self) -> Path:
        """Folder of bodies on their way; empty when nothing is."""
        return self.home / "uploads"

    @property
    def runs(self) -> Path:
        """Folder of the service's run folders, one per job."""
        return self.home / "runs"

    @property
    def datasets(self) -> Path:
        """Folder of the stored datasets' bytes."""
        return self.home / "datasets"

    @property
    def evaluations(self) -> Path:
        """Folder of the service's evaluations, each with the answers that it was given."""
        return self.home / "evaluations"


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read TUNEGATE_* variables; every one has a default that needs no server or account.

    Raises:
        TuneGateError: `usage`, naming every variable whose value is no number above 0, every entry of
            TUNEGATE_ENDPOINTS that is no address, or every variable of access that cannot be read.
    """
    values = os.environ if env is None else env
    home = Path(values.get("TUNEGATE_HOME") or Path.home() / ".tunegate").expanduser().absolute()
    rules = values.get("TUNEGATE_RULES")
    privacy = values.get("TUNEGATE_PRIVACY_SETTINGS")
    targets = values.get("TUNEGATE_TARGETS")
    numbers = _numbers(
        values,
        {
            "TUNEGATE_MAX_BODY_BYTES": _MAX_BODY_BYTES,
            "TUNEGATE_BODY_IDLE_SECONDS": _BODY_IDLE_SECONDS,
            "TUNEGATE_CHAT_MODELS": _CHAT_MODELS,
            "TUNEGATE_CHAT_IDLE_SECONDS": _CHAT_IDLE_SECONDS,
            "TUNEGATE_SHUTDOWN_SECONDS": _SHUTDOWN_SECONDS,
        },
    )
    return Settings(
        home=home,
        database_url=values.get("TUNEGATE_DATABASE_URL") or f"sqlite:///{(home / 'tunegate.sqlite').as_posix()}",
        storage_url=values.get("TUNEGATE_STORAGE_URL") or (home / "storage").as_uri(),
        rules=Path(rules).expanduser().absolute() if rules else None,
        url=(values.get("TUNEGATE_URL") or "http://127.0.0.1:8484").rstrip("/"),
        api_key=values.get("TUNEGATE_API_KEY") or None,
        allow_download=_yes(values, "TUNEGATE_ALLOW_DOWNLOAD"),
        max_body_bytes=numbers["TUNEGATE_MAX_BODY_BYTES"],
        body_idle_seconds=numbers["TUNEGATE_BODY_IDLE_SECONDS"],
        chat_models=numbers["TUNEGATE_CHAT_MODELS"],
        chat_idle_seconds=numbers["TUNEGATE_CHAT_IDLE_SECONDS"],
        privacy_settings=Path(privacy).expanduser().absolute() if privacy else None,
        endpoints=_endpoints(values.get("TUNEGATE_ENDPOINTS") or ""),
        access=access_settings(values),
        log_format=_log_format(values.get("TUNEGATE_LOG_FORMAT") or "auto"),
        shutdown_seconds=numbers["TUNEGATE_SHUTDOWN_SECONDS"],
        ready_needs_privacy=_yes(values, "TUNEGATE_READY_NEEDS_PRIVACY"),
        targets=Path(targets).expanduser().absolute() if targets else None,
        azure_ml=_beginning(values, _AZURE_ML),
        kaito=_beginning(values, _KAITO),
    )


def _beginning(values: Mapping[str, str], prefix: str) -> tuple[tuple[str, str], ...]:
    """What the variables of one prefix say, by their names without it."""
    names = sorted(name for name in values if name.startswith(prefix) and values[name])
    return tuple((name.removeprefix(prefix).lower(), values[name]) for name in names)


def _yes(values: Mapping[str, str], name: str) -> bool:
    return (values.get(name) or "").lower() in {"1", "true", "yes"}


def _log_format(value: str) -> LogFormat:
    for known in get_args(LogFormat):
        if value == known:
            return known  # type: ignore[no-any-return]
    error = ErrorItem("TUNEGATE_LOG_FORMAT", value[:_SHOWN], ", ".join(get_args(LogFormat)), "Default: auto.")
    raise TuneGateError("usage", "TUNEGATE_LOG_FORMAT names no format.", errors=[error])


def _numbers(values: Mapping[str, str], defaults: dict[str, int]) -> dict[str, int]:
    seen = {name: values.get(name) or str(default) for name, default in defaults.items()}
    wrong = [name for name, value in seen.items() if not re.fullmatch(r"0*[1-9][0-9]{0,17}", value)]
    if wrong:
        raise TuneGateError(
            "usage",
            f"{len(wrong)} environment variable(s) hold no whole number above 0.",
            errors=[
                ErrorItem(name, seen[name][:_SHOWN], "a whole number above 0", f"Default: {defaults[name]}.")
                for name in wrong
            ],
        )
    return {name: int(value) for name, value in seen.items()}


def _endpoints(listed: str) -> tuple[AllowedEndpoint, ...]:
    """`ADDRESS` or `ADDRESS=VARIABLE`, separated by commas or spaces."""
    entries = [entry for entry in re.split(r"[,\s]+", listed) if entry]
    found = [_endpoint(entry) for entry in entries]
    wrong = [n for n, one in enumerate(found, 1) if one is None]
    if wrong:
        allowed = "http(s)://HOST[:PORT][/PATH], or the same with =NAME of the variable that holds its key"
        raise TuneGateError(
            "usage",
            f"{len(wrong)} of the {len(entries)} entries of TUNEGATE_ENDPOINTS are no address.",
            errors=[ErrorItem(f"TUNEGATE_ENDPOINTS: entry {n}", "something else", allowed) for n in wrong],
        )
    return tuple(one for one in found if one is not None)


def _endpoint(entry: str) -> AllowedEndpoint | None:
    address, named, key = entry.partition("=")
    try:
        parts = urlsplit(address)
        known = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return None
    known = known and not (parts.query or parts.fragment or "@" in parts.netloc)
    known = known and (not named or re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) is not None)
    return AllowedEndpoint(address, key or None) if known else None


def _host(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
