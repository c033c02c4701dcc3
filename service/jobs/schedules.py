"""When a monitor is due: every so many seconds, or by a cron line; always in UTC, which has no summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from service.clock import told
from service.errors import ErrorItem
from service.records.monitor import Schedule

LEAST_SECONDS, MOST_SECONDS = 300, 366 * 86_400
_FIELDS = 5
# so many slots of a cron line are looked at for two that lie too near
_LOOKED_AT = 60


def next_slot(schedule: Schedule, created_at: str, after: datetime | None = None) -> str:
    """The first slot later than now, or than `after`; it is reckoned from the schedule, never from the last run."""
    moment = after or datetime.now(UTC)
    if schedule.every_seconds is not None:
        begun = datetime.fromisoformat(created_at)
        passed = (moment - begun) // timedelta(seconds=schedule.every_seconds)
        return told(begun + timedelta(seconds=schedule.every_seconds) * (max(0, passed) + 1))
    return told(_following(schedule.cron or "", moment, 1)[0])


def check_schedule(schedule: Schedule) -> list[ErrorItem]:
    """Everything that is wrong with a schedule."""
    given = [one for one in (schedule.every_seconds, schedule.cron) if one is not None]
    if len(given) != 1:
        seen = "both" if given else "neither"
        return [ErrorItem("schedule", seen, "every_seconds, or cron: one of the two")]
    if schedule.every_seconds is not None:
        if LEAST_SECONDS <= schedule.every_seconds <= MOST_SECONDS:
            return []
        allowed = f"{LEAST_SECONDS} to {MOST_SECONDS}"
        return [ErrorItem("schedule.every_seconds", str(schedule.every_seconds), allowed)]
    return _check_cron(schedule.cron or "")


def _check_cron(line: str) -> list[ErrorItem]:
    from croniter import CroniterError

    if len(line.split()) != _FIELDS:
        allowed = "five fields: minute, hour, day of the month, month, day of the week, as in 0 6 * * 1"
        return [ErrorItem("schedule.cron", f"{len(line.split())} fields", allowed)]
    try:
        slots = _following(line, datetime.now(UTC), _LOOKED_AT)
    except CroniterError as error:
        why = "no day has it" if "date" in type(error).__name__.lower() else "a field that cannot be read"
        return [ErrorItem("schedule.cron", why, "0 6 * * 1 (Mondays at 06:00 UTC), */30 * * * *")]
    nearest = min((later - earlier).total_seconds() for earlier, later in pairwise(slots))
    if nearest < LEAST_SECONDS:
        remedy = "Every run asks the whole evaluation set again."
        return [ErrorItem("schedule.cron", f"slots {nearest:g} s apart", f"{LEAST_SECONDS} s or more", remedy)]
    return []


def _following(line: str, moment: datetime, count: int) -> list[datetime]:
    from croniter import croniter

    slots = croniter(line, moment, ret_type=datetime)
    return [slots.get_next() for _ in range(count)]
