"""Full fine-tuning: every weight is trained; the result is a plain model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.load import load_base, load_model, on_device
from trainers.outfiles import WORK, complete_folder
from trainers.techniques.technique import Technique


class Full(Technique):
    """No adapter: the loop trains the model itself."""

    def load(self, plan: TrainPlan) -> Any:
        """The fp32 model."""
        return on_device(load_base(plan))

    def wrap(self, model: Any, plan: TrainPlan, *, steps: int) -> Any:
        """All parameters trainable."""
        del plan, steps
        model.requires_grad_(True)  # noqa: FBT003
        return model

    def save(
        self, model: Any, tokenizer: Any, plan: TrainPlan, out: Path, weights: dict[str, Any] | None = None
    ) -> None:
        """The trained weights, kept on this host until they are exported."""
        del plan
        with complete_folder(out / WORK / "trained") as folder:
            model.save_pretrained(folder, safe_serialization=True, state_dict=weights)
            tokenizer.save_pretrained(folder)

    def merged(self, plan: TrainPlan, out: Path) -> Any | None:
        """The trained weights: they are the model."""
        return self.tuned(plan, out)

    def tuned(self, plan: TrainPlan, out: Path) -> Any:
        """The trained weights."""
        return load_model(plan, folder=str(out / WORK / "trained"))
