"""The time, as records say it: UTC, ISO 8601, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> str:
    """For example 2026-11-21T09:30:00.000Z."""
    return later(0)


def later(seconds: float) -> str:
    """The time so many seconds from now."""
    return told(datetime.now(UTC) + timedelta(seconds=seconds))


def told(moment: datetime) -> str:
    """A moment in UTC, as `now` gives it; such texts sort as their moments do."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
