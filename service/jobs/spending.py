"""What a job costs where it is carried out, and whether that is more than it may."""

from __future__ import annotations

from datetime import datetime

from service.clock import now
from service.errors import TuneGateError
from service.launch.targets.target import LaunchPlan, RemoteStatus
from service.store.store import Store

_SECONDS_PER_HOUR = 3600
_BILLED = {"preparing", "running", "finalizing"}


class Spending:
    """The costs of one job on its target, in USD."""

    def __init__(self, store: Store, job_id: str, plan: LaunchPlan) -> None:
        self._launches, self._id, self._plan = store.launches, job_id, plan
        self._begun: str | None = None

    def so_far(self, status: RemoteStatus) -> float | None:
        """As the target says, else from when the machines were first seen; None where no price is known."""
        if status.usd is not None:
            return round(status.usd, 4)
        begun = self._billed_from(status)
        if begun is None or self._plan.usd_per_hour is None:
            return None
        seconds = (datetime.fromisoformat(now()) - datetime.fromisoformat(begun)).total_seconds()
        return round(seconds / _SECONDS_PER_HOUR * self._plan.usd_per_hour, 4)

    def _billed_from(self, status: RemoteStatus) -> str | None:
        """Once said it stays, so it is asked for until then."""
        if self._begun is None:
            launch = self._launches.find(self._id)
            self._begun = launch.billed_from if launch else None
        if self._begun is None and status.state in _BILLED:
            self._begun = self._launches.bill(self._id)
        return self._begun

    def too_dear(self, usd: float | None) -> bool:
        """Whether the plan's `max_cost` is reached."""
        return self._plan.max_usd is not None and usd is not None and usd >= self._plan.max_usd

    def ended(self, usd: float | None) -> TuneGateError:
        """Why a job was told to end."""
        detail = f"{usd or 0:.4f} USD are spent, max_cost is {self._plan.max_usd:g}: the remote job was told to end."
        return TuneGateError("cost_exceeded", detail, remedy="Plan with a higher max_cost, or fewer epochs.")
