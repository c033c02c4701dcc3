"""The environment, read once into one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """Where things live and what is allowed; see README "Environment" for every variable."""

    home: Path
    database_url: str
    storage_url: str
    rules: Path | None
    url: str
    api_key: str | None
    allow_download: bool

    @property
    def models(self) -> Path:
        """Folder whose sub-folders can be named as MODEL."""
        return self.home / "models"

    @property
    def records(self) -> Path:
        """Folder where the CLI keeps the records that a plan rests on."""
        return self.home / "records"

    @property
    def runs(self) -> Path:
        """Folder of the service's run folders, one per job."""
        return self.home / "runs"


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read TUNEGATE_* variables; every one has a default that needs no server or account."""
    values = os.environ if env is None else env
    home = Path(values.get("TUNEGATE_HOME") or Path.home() / ".tunegate").expanduser().absolute()
    rules = values.get("TUNEGATE_RULES")
    return Settings(
        home=home,
        database_url=values.get("TUNEGATE_DATABASE_URL") or f"sqlite:///{(home / 'tunegate.sqlite').as_posix()}",
        storage_url=values.get("TUNEGATE_STORAGE_URL") or (home / "storage").as_uri(),
        rules=Path(rules).expanduser().absolute() if rules else None,
        url=(values.get("TUNEGATE_URL") or "http://127.0.0.1:8484").rstrip("/"),
        api_key=values.get("TUNEGATE_API_KEY") or None,
        allow_download=(values.get("TUNEGATE_ALLOW_DOWNLOAD") or "").lower() in {"1", "true", "yes"},
    )
