"""What is learnt from the rows: one small file per objective (`objective.Objective`).

| method | rows | loss |
|---|---|---|
| sft | chats | cross-entropy of the assistant's tokens |
"""

from __future__ import annotations

from trainers.contract import TrainPlan
from trainers.objectives.objective import Objective
from trainers.objectives.supervised import Supervised

# the whole registry
OBJECTIVES: dict[str, Objective] = {"sft": Supervised()}


def objective(plan: TrainPlan) -> Objective:
    """The objective of a plan that `refusals` let through."""
    return OBJECTIVES[plan.method]
