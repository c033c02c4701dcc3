"""Which targets this version launches on elsewhere, by name; `local` is carried out by the service's own pipeline."""

from __future__ import annotations

from service.data import RuleFiles
from service.errors import TuneGateError
from service.launch.targets.capabilities import capabilities, target_refusals
from service.launch.targets.target import Capabilities

LOCAL = "local"


def is_remote(target: str) -> bool:
    """Whether a plan for this target is carried out somewhere else."""
    return target != LOCAL


def built(target: str, rules: RuleFiles) -> Capabilities:
    """What a target can do, where this version launches on it.

    Raises:
        TuneGateError: `target_cannot` with those that can be launched on.
    """
    errors = target_refusals(target, None, rules)
    if errors:
        raise TuneGateError("target_cannot", str(errors[0].remedy), errors=errors)
    return capabilities(rules)[target]
