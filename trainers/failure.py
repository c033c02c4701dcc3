"""How a run failed, and how one of several processes did that carried it out together."""

from __future__ import annotations

import msgspec

# a consequence: whatever else is known of a failed run is nearer to its cause
OTHER_LOST = "other_process_lost"
# where a run that was carried out elsewhere leaves `rank-N.json`, a FailedRank, of each process that failed
FAILED = "failed"


class Failure(msgspec.Struct, frozen=True):
    code: str
    detail: str
    remedy: str


class FailedRank(msgspec.Struct, frozen=True, kw_only=True):
    """How one of several processes failed; `machine` counts from 0 and is null where the launcher tells none."""

    rank: int
    of: int
    machine: int | None = None
    failure: Failure

    def __str__(self) -> str:
        where = "" if self.machine is None else f" on machine {self.machine}"
        return f"rank {self.rank} of {self.of}{where}: {self.failure.detail}"
