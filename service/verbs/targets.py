"""targets: what can be launched on, and whether a configured one is ready."""

from __future__ import annotations

import msgspec

from service.data import RuleFiles
from service.launch.targets.azure_ml.settings import azure_ml_settings
from service.launch.targets.capabilities import capabilities
from service.launch.targets.kaito.checks import checks
from service.launch.targets.kaito.cluster import cluster_of
from service.launch.targets.kaito.settings import KAITO, kaito_settings
from service.launch.targets.registry import LOCAL, azure_ml, built
from service.launch.targets.target import Capabilities, Check
from service.settings import Settings
from service.verbs.planning.machine import azure_machine, rented_machine


class TargetChecks(msgspec.Struct, frozen=True):
    """What a launch on a target needs, one by one; `ready` unless one of them failed."""

    target: str
    ready: bool
    checks: list[Check]


def list_targets(rules: RuleFiles) -> list[Capabilities]:
    """Every launch target, those of other versions too."""
    return list(capabilities(rules).values())


def check_target(name: str, *, rules: RuleFiles, settings: Settings) -> TargetChecks:
    """Ask the target itself for everything that a launch needs; nothing is made there.

    Raises:
        TuneGateError: `target_cannot` for one that is not built, `target_not_configured`, `missing_extra`.
    """
    built(name, rules)
    if name == LOCAL:
        return TargetChecks(name, ready=True, checks=[Check(name="machine", verdict="ok", seen="this one")])
    found = _kaito(rules, settings) if name == KAITO else _azure_ml(rules, settings)
    return TargetChecks(name, ready=all(one.verdict != "failed" for one in found), checks=found)


def _azure_ml(rules: RuleFiles, settings: Settings) -> list[Check]:
    where = azure_ml_settings(settings)
    azure_machine(where, rules)
    return azure_ml(where).check()


def _kaito(rules: RuleFiles, settings: Settings) -> list[Check]:
    where = kaito_settings(settings)
    rented_machine(where.instance_type, KAITO, rules)
    return checks(where, cluster_of(where))
