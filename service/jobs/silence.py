"""How long a target has heard nothing of a job's machines, counted on over restarts and in other services."""

from __future__ import annotations

from datetime import datetime

from service.clock import now
from service.store.launches import Launches

# machines may come back: so long is a job waited for that its target hears nothing of
LOST_SECONDS = 1800.0


class Silence:
    """Of one job; the moment is kept with what was sent."""

    def __init__(self, launches: Launches, job_id: str) -> None:
        self._launches, self._id = launches, job_id
        self._since: str | None = None
        self._asked = False

    def too_long(self, *, lost: bool) -> bool:
        """Whether it is lost, and was at every look since more than LOST_SECONDS ago."""
        if not self._asked:
            launch = self._launches.find(self._id)
            self._since, self._asked = launch.lost_since if launch is not None else None, True
        # it changes seldom, and a look that finds nothing new writes nothing
        if lost != (self._since is not None):
            self._since = self._launches.lose(self._id, lost=lost)
        if self._since is None:
            return False
        silent = datetime.fromisoformat(now()) - datetime.fromisoformat(self._since)
        return silent.total_seconds() > LOST_SECONDS
