"""targets: what can be launched on, and whether a configured one is ready."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from service.advisor.knowledge import load_knowledge
from service.data import RuleFiles
from service.launch.targets.azure_ml.settings import azure_ml_settings
from service.launch.targets.azure_openai.account import account_of
from service.launch.targets.azure_openai.checks import checks as checks_of
from service.launch.targets.azure_openai.checks import tunable_check
from service.launch.targets.azure_openai.offers import tunable_on
from service.launch.targets.azure_openai.settings import AZURE_OPENAI, azure_openai_settings
from service.launch.targets.azure_serverless.checks import checks as project_checks
from service.launch.targets.azure_serverless.checks import offered_check
from service.launch.targets.azure_serverless.client import project_of
from service.launch.targets.azure_serverless.offers import offers_in
from service.launch.targets.azure_serverless.settings import AZURE_SERVERLESS, azure_serverless_settings
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
    asked = {KAITO: _kaito, AZURE_OPENAI: _azure_openai, AZURE_SERVERLESS: _azure_serverless}.get(name, _azure_ml)
    found = asked(rules, settings)
    return TargetChecks(name, ready=all(one.verdict != "failed" for one in found), checks=found)


def _azure_ml(rules: RuleFiles, settings: Settings) -> list[Check]:
    where = azure_ml_settings(settings)
    azure_machine(where, rules)
    return azure_ml(where).check()


def _azure_openai(rules: RuleFiles, settings: Settings) -> list[Check]:
    where = azure_openai_settings(settings)
    models = tunable_on(where, load_knowledge(rules).models, datetime.now(UTC).date())
    return [*checks_of(account_of(where)), tunable_check(models, where)]


def _azure_serverless(rules: RuleFiles, settings: Settings) -> list[Check]:
    where = azure_serverless_settings(settings)
    models = offers_in(where, load_knowledge(rules).models, datetime.now(UTC).date())
    return [*project_checks(where, project_of(where)), offered_check(models, where)]


def _kaito(rules: RuleFiles, settings: Settings) -> list[Check]:
    where = kaito_settings(settings)
    rented_machine(where.instance_type, KAITO, rules)
    return checks(where, cluster_of(where))
