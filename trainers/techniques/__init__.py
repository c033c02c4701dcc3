"""One small file per technique: wrap a base model for training, and turn the result back into a plain model."""

from __future__ import annotations

import importlib
from types import ModuleType

# technique -> module with wrap(), save() and merged(); this is the whole registry
TECHNIQUES = {"lora": "trainers.techniques.lora", "full": "trainers.techniques.full_weights"}


def technique(name: str) -> ModuleType:
    """The technique's module, imported on use."""
    return importlib.import_module(TECHNIQUES[name])
