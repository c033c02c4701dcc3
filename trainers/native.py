"""Models that bring their own code: refused where transformers has no such architecture, unless the plan trusts it."""

from __future__ import annotations

import json
from pathlib import Path

from trainers.contract import TrainPlan
from trainers.problems import TrainerError


def require_native(plan: TrainPlan) -> None:
    """Code of a model is run only where whoever made the plan said so.

    Raises:
        TrainerError: `unreadable_model`.
    """
    kind = foreign_type(Path(plan.model))
    if kind is None:
        return
    if plan.trust_remote_code:
        _require_own(Path(plan.model))
        return
    raise TrainerError(
        "unreadable_model",
        f"{Path(plan.model).name} brings its own code (auto_map in config.json), and transformers has no {kind!r} "
        "model of its own; code of a model is not run unless the plan says so.",
        remedy="Choose a model whose architecture transformers has, or read its code and plan on the command line with "
        "--trust-remote-code.",
    )


def _require_own(folder: Path) -> None:
    """Code that lies in the folder is part of the plan's fingerprint; code of another repository is not."""
    named = json.loads((folder / "config.json").read_text())["auto_map"].values()
    elsewhere = [one for name in named for one in (name if isinstance(name, list) else [name]) if "--" in str(one)]
    if elsewhere:
        raise TrainerError(
            "unreadable_model",
            f"{folder.name} names code of another repository in auto_map ({elsewhere[0]}).",
            remedy="Copy that code into the model's folder and name it there, so that the plan is of that code.",
        )


def foreign_type(folder: Path) -> str | None:
    """The model type that only the folder's own code knows; None where transformers has the architecture itself."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return None  # the loader says what is wrong with it
    if not isinstance(config, dict) or not config.get("auto_map"):
        return None
    from transformers import CONFIG_MAPPING

    kind = str(config.get("model_type"))
    return None if kind in CONFIG_MAPPING else kind
