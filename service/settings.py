"""The environment, read once into one frozen value."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from service.access_settings import AccessSettings, access_settings
from service.allowed_addresses import AllowedAddress, AllowedEndpoint, allowed_endpoints, allowed_receivers
from service.errors import ErrorItem, TuneGateError
from service.storage_settings import StorageSettings, storage_settings

# Azure's and OpenAI's limit for one file; a larger set goes in parts
_MAX_BODY_BYTES = 512 * 2**20
_BODY_IDLE_SECONDS = 60
# a tenth of what the slowest lines bring that are in use
_BODY_BYTES_PER_SECOND = 1024
_HEAD_SECONDS = 30
# of all bodies that are on their way or being worked on: enough for a crowd of small ones, or for eight of the largest
_BODIES_AT_ONCE, _BODIES_BYTES = 256, 4 * 2**30
_CHAT_MODELS, _CHAT_IDLE_SECONDS = 2, 300
# below the 30 seconds that Kubernetes waits before it kills
_SHUTDOWN_SECONDS = 20
# several beats of a service that is busy, a few of a database that restarts
_EXECUTOR_SILENCE_SECONDS = 30
_EXECUTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LogFormat = Literal["auto", "json", "text"]
_SHOWN = 40
_AZURE_ML, _AZURE_OPENAI, _KAITO = "TUNEGATE_AZURE_ML_", "TUNEGATE_AZURE_OPENAI_", "TUNEGATE_KAITO_"
_AZURE_SERVERLESS = "TUNEGATE_AZURE_SERVERLESS_"


class Settings(msgspec.Struct, frozen=True):
    """Where things live and what is allowed; docs/environment.md has every variable."""

    home: Path
    database_url: str
    storage_url: str
    rules: Path | None
    url: str
    api_key: str | None
    allow_download: bool
    max_body_bytes: int = _MAX_BODY_BYTES
    # how long a request line and its headers may take
    head_seconds: int = _HEAD_SECONDS
    # within that many seconds of waiting at least so many bytes for each must come of a body, or its end
    body_idle_seconds: int = _BODY_IDLE_SECONDS
    body_bytes_per_second: int = _BODY_BYTES_PER_SECOND
    # what is more is answered with `busy`
    bodies_at_once: int = _BODIES_AT_ONCE
    bodies_bytes: int = _BODIES_BYTES
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
    # what may be named by URL, how long things are kept
    storage: StorageSettings = StorageSettings()
    # JSON lines or lines for people; auto: JSON where stderr is no terminal
    log_format: LogFormat = "auto"
    # how long requests in flight may go on after SIGTERM
    shutdown_seconds: int = _SHUTDOWN_SECONDS
    # the name that this service carries out jobs by, and how long one may be silent before others take over its jobs
    executor: str = "local"
    executor_silence_seconds: int = _EXECUTOR_SILENCE_SECONDS
    # whether /health/ready waits for the privacy scan, which takes seconds after a start
    ready_needs_privacy: bool = False
    # where cloud targets are named; and what the variables of one target (TUNEGATE_AZURE_ML_* and so on) say, by their
    # names without that
    targets: Path | None = None
    azure_ml: tuple[tuple[str, str], ...] = ()
    azure_openai: tuple[tuple[str, str], ...] = ()
    azure_serverless: tuple[tuple[str, str], ...] = ()
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
    def copies(self) -> Path:
        """Folder of the local copies of datasets that lie in a remote storage."""
        return self.home / "copies"

    @property
    def evaluations(self) -> Path:
        """Folder of the service's evaluations, each with the answers that it was given."""
        return self.home / "evaluations"

    @property
    def syntheses(self) -> Path:
        """Folder of the service's syntheses, each with the replies that it was given."""
        return self.home / "syntheses"


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read TUNEGATE_* variables; every one has a default that needs no server or account.

    Raises:
        TuneGateError: `usage`, naming every variable whose value is no number above 0, every entry of a list of
            addresses that is none, a TUNEGATE_EXECUTOR that is no name, or every variable of access or of storage
            that cannot be read.
    """
    values = os.environ if env is None else env
    home = Path(values.get("TUNEGATE_HOME") or Path.home() / ".tunegate").expanduser().absolute()
    rules = values.get("TUNEGATE_RULES")
    privacy = values.get("TUNEGATE_PRIVACY_SETTINGS")
    key_file = values.get("TUNEGATE_WEBHOOK_KEY_FILE")
    targets = values.get("TUNEGATE_TARGETS")
    numbers = _numbers(
        values,
        {
            "TUNEGATE_MAX_BODY_BYTES": _MAX_BODY_BYTES,
            "TUNEGATE_HEAD_SECONDS": _HEAD_SECONDS,
            "TUNEGATE_BODY_IDLE_SECONDS": _BODY_IDLE_SECONDS,
            "TUNEGATE_BODY_BYTES_PER_SECOND": _BODY_BYTES_PER_SECOND,
            "TUNEGATE_BODIES_AT_ONCE": _BODIES_AT_ONCE,
            "TUNEGATE_BODIES_BYTES": _BODIES_BYTES,
            "TUNEGATE_CHAT_MODELS": _CHAT_MODELS,
            "TUNEGATE_CHAT_IDLE_SECONDS": _CHAT_IDLE_SECONDS,
            "TUNEGATE_SHUTDOWN_SECONDS": _SHUTDOWN_SECONDS,
            "TUNEGATE_EXECUTOR_SILENCE_SECONDS": _EXECUTOR_SILENCE_SECONDS,
        },
    )
    database_url = values.get("TUNEGATE_DATABASE_URL") or f"sqlite:///{(home / 'tunegate.sqlite').as_posix()}"
    storage_url = values.get("TUNEGATE_STORAGE_URL") or (home / "storage").as_uri()
    return Settings(
        home=home,
        database_url=database_url,
        storage_url=storage_url,
        rules=Path(rules).expanduser().absolute() if rules else None,
        url=(values.get("TUNEGATE_URL") or "http://127.0.0.1:8484").rstrip("/"),
        api_key=values.get("TUNEGATE_API_KEY") or None,
        allow_download=_yes(values, "TUNEGATE_ALLOW_DOWNLOAD"),
        max_body_bytes=numbers["TUNEGATE_MAX_BODY_BYTES"],
        head_seconds=numbers["TUNEGATE_HEAD_SECONDS"],
        body_idle_seconds=numbers["TUNEGATE_BODY_IDLE_SECONDS"],
        body_bytes_per_second=numbers["TUNEGATE_BODY_BYTES_PER_SECOND"],
        bodies_at_once=numbers["TUNEGATE_BODIES_AT_ONCE"],
        bodies_bytes=numbers["TUNEGATE_BODIES_BYTES"],
        chat_models=numbers["TUNEGATE_CHAT_MODELS"],
        chat_idle_seconds=numbers["TUNEGATE_CHAT_IDLE_SECONDS"],
        privacy_settings=Path(privacy).expanduser().absolute() if privacy else None,
        endpoints=allowed_endpoints(values.get("TUNEGATE_ENDPOINTS") or ""),
        webhooks=allowed_receivers(values.get("TUNEGATE_WEBHOOKS") or ""),
        webhooks_private=_yes(values, "TUNEGATE_WEBHOOKS_PRIVATE"),
        webhook_key_file=Path(key_file).expanduser().absolute() if key_file else None,
        access=access_settings(values),
        storage=storage_settings(values, storage_url),
        log_format=_log_format(values.get("TUNEGATE_LOG_FORMAT") or "auto"),
        shutdown_seconds=numbers["TUNEGATE_SHUTDOWN_SECONDS"],
        executor=_executor(values.get("TUNEGATE_EXECUTOR"), database_url),
        executor_silence_seconds=numbers["TUNEGATE_EXECUTOR_SILENCE_SECONDS"],
        ready_needs_privacy=_yes(values, "TUNEGATE_READY_NEEDS_PRIVACY"),
        targets=Path(targets).expanduser().absolute() if targets else None,
        azure_ml=_beginning(values, _AZURE_ML),
        azure_openai=_beginning(values, _AZURE_OPENAI),
        azure_serverless=_beginning(values, _AZURE_SERVERLESS),
        kaito=_beginning(values, _KAITO),
    )


def _beginning(values: Mapping[str, str], prefix: str) -> tuple[tuple[str, str], ...]:
    """What the variables of one prefix say, by their names without it."""
    names = sorted(name for name in values if name.startswith(prefix) and values[name])
    return tuple((name.removeprefix(prefix).lower(), values[name]) for name in names)


def _yes(values: Mapping[str, str], name: str) -> bool:
    return (values.get(name) or "").lower() in {"1", "true", "yes"}


def _executor(given: str | None, database_url: str) -> str:
    """The name, by default the host's; over SQLite there is one service, whatever the host is called."""
    if not given and database_url.startswith("sqlite"):
        return "local"
    name = given or re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:63].lstrip("._-") or "local"
    if _EXECUTOR.fullmatch(name):
        return name
    allowed = "1 to 63 letters, digits, dots, underscores and hyphens, the first a letter or digit"
    error = ErrorItem("TUNEGATE_EXECUTOR", name[:_SHOWN], allowed, "Default: the name of the host.")
    raise TuneGateError("usage", "TUNEGATE_EXECUTOR is no name of a service.", errors=[error])


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
