"""Which models a named-entity configuration needs, and whether they are here: nothing is ever downloaded."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.privacy.yaml_files import YamlFile


def missing_models(configuration: YamlFile) -> tuple[str, ...]:
    """The models that the configuration names and that are not on this machine."""
    section = configuration.value.get("nlp_configuration")
    engine = section.get("nlp_engine_name") if isinstance(section, dict) else None
    return tuple(dict.fromkeys(name for name in _names(configuration.value) if not _is_here(name, str(engine))))


def languages(configuration: YamlFile) -> tuple[str, ...]:
    """The languages that its models read."""
    section = configuration.value.get("nlp_configuration")
    models = section.get("models") if isinstance(section, dict) else None
    rows = models if isinstance(models, list) else []
    return tuple(str(row["lang_code"]) for row in rows if isinstance(row, dict) and "lang_code" in row)


def _names(value: Any) -> Iterator[str]:
    """Every `model_name`: a name, or a mapping of the parts of a pipeline to names."""
    if isinstance(value, list):
        for one in value:
            yield from _names(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "model_name":
                yield from [one] if isinstance(one, str) else [name for name in dict(one or {}).values() if name]
            else:
                yield from _names(one)


def _is_here(name: str, engine: str) -> bool:
    if Path(name).exists():
        return True
    if engine == "stanza":
        return (Path(os.environ.get("STANZA_RESOURCES_DIR") or Path.home() / "stanza_resources") / name).is_dir()
    if "/" not in name and name.isidentifier():
        return importlib.util.find_spec(name) is not None  # a spaCy package
    hub = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub"
    return any((Path(hub).expanduser() / f"models--{name.replace('/', '--')}" / "snapshots").glob("*"))
