"""Refuses models that bring their own code: it is never run (`trust_remote_code` is never set)."""

from __future__ import annotations

import json
from pathlib import Path

from trainers.problems import TrainerError


def require_native(model: str) -> None:
    """A config with `auto_map` is fine where transformers has the architecture itself, and refused where it has not.

    Raises:
        TrainerError: `unreadable_model`.
    """
    try:
        config = json.loads((Path(model) / "config.json").read_text())
    except (OSError, ValueError):
        return  # the loader says what is wrong with it
    if not isinstance(config, dict) or not config.get("auto_map"):
        return
    from transformers import CONFIG_MAPPING

    kind = str(config.get("model_type"))
    if kind not in CONFIG_MAPPING:
        raise TrainerError(
            "unreadable_model",
            f"{Path(model).name} brings its own code (auto_map in config.json), and transformers has no {kind!r} model "
            "of its own; code of a model is never run.",
            remedy="Choose a model whose architecture transformers has.",
        )
