"""Models that bring their own code: refused where transformers has no such architecture, unless the plan trusts it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.problems import TrainerError

_NAMES_CODE = ("config.json", "tokenizer_config.json")


def require_native(plan: TrainPlan, *also: Path) -> None:
    """Code of a model is run only where whoever made the plan said so; `also` are folders that are loaded beside it.

    Raises:
        TrainerError: `unreadable_model`.
    """
    for folder in (Path(plan.model), *also):
        if plan.trust_remote_code:
            _require_own(folder)
        elif (kind := foreign_type(folder)) is not None:
            raise TrainerError(
                "unreadable_model",
                f"{folder.name} brings its own code (auto_map in config.json), and transformers has no {kind!r} model "
                "of its own; code of a model is not run unless the plan says so.",
                remedy="Choose a model whose architecture transformers has, or read its code and plan on the command "
                "line with --trust-remote-code.",
            )


def foreign_type(folder: Path) -> str | None:
    """The model type that only the folder's own code knows; None where transformers has the architecture itself."""
    config = _read(folder / "config.json")
    if not config.get("auto_map"):
        return None
    from transformers import CONFIG_MAPPING

    kind = str(config.get("model_type"))
    return None if kind in CONFIG_MAPPING else kind


def _require_own(folder: Path) -> None:
    """Code that lies in the folder is part of the plan's fingerprint; code of another repository is not."""
    elsewhere = [name for file in _NAMES_CODE for name in _code_of(_read(folder / file)) if "--" in name]
    if elsewhere:
        raise TrainerError(
            "unreadable_model",
            f"{folder.name} names code of another repository in auto_map ({elsewhere[0][:200]}).",
            remedy="Copy that code into the model's folder and name it there, so that the plan is of that code.",
        )


def _code_of(config: dict[str, Any]) -> Iterator[str]:
    """Every class that `auto_map` names; transformers takes them even where it has its own."""
    named = config.get("auto_map")
    for value in named.values() if isinstance(named, dict) else [named]:
        yield from (str(one) for one in (value if isinstance(value, list) else [value]) if one)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}  # the loader says what is wrong with it
    return content if isinstance(content, dict) else {}
