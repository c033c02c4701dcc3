"""How long to wait between two looks at a remote job: longer while nothing is heard of it, or nothing answers."""

from __future__ import annotations

from service.launch.targets.target import LaunchPlan

_SLOWEST = 10
# one of which nothing new is heard is looked at less often with every look, in the end this much less
_QUIETEST, _QUIETER = 4.0, 2.0


class Pace:
    """The pauses of one job, in seconds. They stay short where a machine is paid by the hour or costs are bounded."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._quiet = 1.0
        self.failures = 0

    @property
    def pause(self) -> float:
        return max(pause_of(self._plan, self.failures), self._plan.poll_seconds * self._quiet)

    def unanswered(self, *, gone: bool) -> None:
        """A look was not answered, or the answer was that there is no such job."""
        self.failures += not gone
        self._quiet = 1.0

    def looked(self, *, news: bool) -> None:
        """A look was answered."""
        self.failures = 0
        costly = self._plan.max_usd is not None or self._plan.usd_per_hour is not None
        self._quiet = 1.0 if news or costly else min(self._quiet * _QUIETER, _QUIETEST)

    def stirred(self) -> None:
        """Something was asked of the target: news is near."""
        self._quiet = 1.0 / _QUIETER


def pause_of(plan: LaunchPlan, failures: int) -> float:
    """Seconds until the next look: longer after every failure."""
    return float(plan.poll_seconds * min(2**failures, _SLOWEST))
