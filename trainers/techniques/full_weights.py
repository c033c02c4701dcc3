"""Full fine-tuning: every weight is trained; the result is a plain model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.load import load_base, load_model, load_tokenizer, on_device
from trainers.onnx.companions import without_local_names
from trainers.outfiles import MODEL, complete_folder
from trainers.runfolder import link_weights
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

    def begun(self, model: Any, plan: TrainPlan) -> Any:
        """The model itself; one that an earlier run tuned is this plan's model."""
        del plan
        return model

    def save(
        self, model: Any, tokenizer: Any, plan: TrainPlan, out: Path, weights: dict[str, Any] | None = None
    ) -> None:
        """OUT/model: weights, config, tokenizer and the chat template that was trained on."""
        unmarked = load_tokenizer(plan)  # padding a batch leaves its mark in what a tokenizer saves
        unmarked.chat_template = tokenizer.chat_template
        with complete_folder(out / MODEL) as folder:
            model.save_pretrained(folder, safe_serialization=True, state_dict=weights)
            unmarked.save_pretrained(folder)
            without_local_names(folder)

    def merged(self, plan: TrainPlan, out: Path) -> Any | None:
        """The trained weights: they are the model."""
        return self.tuned(plan, out)

    def tuned(self, plan: TrainPlan, out: Path) -> Any:
        """The trained weights."""
        return load_model(plan, folder=str(out / MODEL))


def save_merged(model: Any, out: Path, folder: Path) -> None:
    """A merged model; the weights of full fine-tuning, which lie in OUT already, take no space again."""
    if (out / MODEL).is_dir():
        link_weights(out / MODEL, folder)
    else:
        model.save_pretrained(folder, safe_serialization=True)
