"""What is learnt from the rows: one small file per objective (`objective.Objective`).

| method | rows | loss |
|---|---|---|
| sft | chats | cross-entropy of the assistant's tokens |
| dpo | pairs of answers | how much more than before the preferred answer is liked (DPO, sigmoid) |

| task | rows | loss |
|---|---|---|
| text-classification | texts with a label | cross-entropy of the label |
| token-classification | words with a tag each | cross-entropy of each word's tag |
"""

from __future__ import annotations

from trainers.contract import TrainPlan
from trainers.objectives.classification import TEXTS, WORDS
from trainers.objectives.objective import Objective
from trainers.objectives.preference import Preference
from trainers.objectives.supervised import Supervised

# the whole registry
OBJECTIVES: dict[str, Objective] = {"sft": Supervised(), "dpo": Preference()}
# of the tasks beside chat
CLASSIFICATIONS: dict[str, Objective] = {"text-classification": TEXTS, "token-classification": WORDS}


def objective(plan: TrainPlan) -> Objective:
    """The objective of a plan that `refusals` let through."""
    return CLASSIFICATIONS[plan.task] if plan.task != "chat" else OBJECTIVES[plan.method]
