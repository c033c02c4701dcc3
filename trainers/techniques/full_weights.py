"""Full fine-tuning: every weight is trained; the result is a plain model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.outfiles import WORK, complete_folder


def wrap(model: Any, plan: TrainPlan) -> Any:
    """All parameters trainable."""
    del plan
    model.requires_grad_(True)  # noqa: FBT003
    return model


def save(model: Any, tokenizer: Any, plan: TrainPlan, out: Path, weights: dict[str, Any] | None) -> None:
    """The trained weights, kept on this host until they are exported."""
    del plan
    with complete_folder(out / WORK / "trained") as folder:
        model.save_pretrained(folder, safe_serialization=True, state_dict=weights)
        tokenizer.save_pretrained(folder)


def merged(base: Any, out: Path) -> Any:
    """The trained weights in the base's architecture."""
    return type(base).from_pretrained(out / WORK / "trained", attn_implementation="eager").eval()
