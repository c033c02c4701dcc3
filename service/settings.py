"""The environment, read once into one frozen value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from service.access_settings import AccessSettings, access_settings
from service.allowed_addresses import AllowedAddress, AllowedEndpoint, allowed_endpoints, allowed_receivers
from service.errors import ErrorItem, TuneGateError

# Azure's and OpenAI's limit for one file; a larger set goes in parts
_MAX_BODY_BYTES = 512 * 2**20
_BODY_IDLE_SECONDS = 60
_CHAT_MODELS, _CHAT_IDLE_SECONDS = 2, 300
# below the 30 seconds that Kubernetes waits before it kills
_SHUTDOWN_SECONDS = 20
LogFormat = Literal["auto", "json", "text"]
_SHOWN = 40


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
    # where webhooks may be sent, whether a listed name may lead into a private network, and the file whose content is
    # behind every webhook's secret (null: one of our own in the data folder)
    webhooks: tuple[AllowedAddress, ...] = ()
    webhooks_private: bool = False
    webhook_key_file: Path | None = None
    # who may call the service, and how much
    access: AccessSettings = AccessSettings()
    # JSON lines or lines for people; auto: JSON where stderr is no terminal
    log_format: LogFormat = "auto"
    # how long requests in flight may go on after SIGTERM
    shutdown_seconds: int = _SHUTDOWN_SECONDS
    # whether /health/ready waits for the privacy scan, which takes seconds after a start
    ready_needs_privacy: bool = False

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
        TuneGateError: `usage`, naming every variable whose value is no number above 0, every entry of a list of
            addresses that is none, or every variable of access that cannot be read.
    """
    values = os.environ if env is None else env
    home = Path(values.get("TUNEGATE_HOME") or Path.home() / ".tunegate").expanduser().absolute()
    rules = values.get("TUNEGATE_RULES")
    privacy = values.get("TUNEGATE_PRIVACY_SETTINGS")
    key_file = values.get("TUNEGATE_WEBHOOK_KEY_FILE")
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
        endpoints=allowed_endpoints(values.get("TUNEGATE_ENDPOINTS") or ""),
        webhooks=allowed_receivers(values.get("TUNEGATE_WEBHOOKS") or ""),
        webhooks_private=_yes(values, "TUNEGATE_WEBHOOKS_PRIVATE"),
        webhook_key_file=Path(key_file).expanduser().absolute() if key_file else None,
        access=access_settings(values),
        log_format=_log_format(values.get("TUNEGATE_LOG_FORMAT") or "auto"),
        shutdown_seconds=numbers["TUNEGATE_SHUTDOWN_SECONDS"],
        ready_needs_privacy=_yes(values, "TUNEGATE_READY_NEEDS_PRIVACY"),
    )


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
