"""The machine that a plan is made for: this one, or the one that a cloud target is configured with; and its price."""

from __future__ import annotations

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.estimate.hardware import hardware_table
from service.estimate.machines import AzureMachine, azure_machines, price_source
from service.launch.machine import Machine, this_machine
from service.launch.targets.azure_ml.settings import AzureMlSettings, azure_ml_settings
from service.launch.targets.kaito.settings import KAITO, kaito_settings
from service.launch.targets.target import CostEstimate
from service.records.decision import Decision
from service.records.estimate import Estimate
from service.settings import Settings

AZURE_ML = "azure-ml"
_DIGITS = 4


def target_of(asked: str | None, decision: Decision | None) -> str:
    """The target that a plan is made for, as `choose` takes it."""
    answer = decision.answer if decision else None
    return asked or (answer.target if answer else None) or "local"


def machine_for(target: str, *, rules: RuleFiles, settings: Settings) -> Machine:
    """The devices of all machines of the job together; of KAITO's, whose trainer splits no model, one device.

    Raises:
        TuneGateError: `target_not_configured`.
    """
    rented = _rented(target, rules, settings)
    if rented is None:
        return this_machine()
    row, count = rented
    device = hardware_table(rules)[str(row.device)]
    return Machine(
        device=device.reported_as[0] if device.reported_as else device.id,
        capacity_gib=float(device.capacity_gib or row.vram_gb),
        gpus=row.gpus * count if target == AZURE_ML else 1,
        capability=device.capability,
        count=count,
    )


def _rented(target: str, rules: RuleFiles, settings: Settings) -> tuple[AzureMachine, int] | None:
    """The machine that a target is configured with and how many of it; None for this one."""
    if target == AZURE_ML:
        where = azure_ml_settings(settings)
        return azure_machine(where, rules), where.instance_count
    if target == KAITO:
        return rented_machine(kaito_settings(settings).instance_type, KAITO, rules), 1
    return None


def azure_machine(where: AzureMlSettings, rules: RuleFiles) -> AzureMachine:
    """The rules' row of the configured machine.

    Raises:
        TuneGateError: `target_not_configured` for one that has no row, or whose device has none.
    """
    return rented_machine(where.instance_type, AZURE_ML, rules)


def rented_machine(instance_type: str, target: str, rules: RuleFiles) -> AzureMachine:
    """The rules' row of a machine size that a target can use.

    Raises:
        TuneGateError: `target_not_configured` for one that has no row, or whose device has none.
    """
    table = hardware_table(rules)
    known = [row for row in azure_machines(rules) if row.device in table]
    rows = {row.id: row for row in known if target != KAITO or row.kaito}
    found = rows.get(instance_type)
    if found is None:
        near = suggestion(instance_type, rows)
        errors = [ErrorItem(f"{target}.instance_type", instance_type, ", ".join(rows), near or None)]
        raise TuneGateError(
            "target_not_configured",
            f"{instance_type}: the rules know no such machine for {target} with a device that can be estimated.",
            remedy="Use a listed one, or add a row to azure-machines.toml of an own rules folder.",
            errors=errors,
        )
    return found


def launch_cost(
    target: str, estimate: Estimate | None, *, processes: int, rules: RuleFiles, settings: Settings
) -> CostEstimate | None:
    """What the job will cost: hours of the training steps x price x machines; null for a target without a bill."""
    rented = _rented(target, rules, settings)
    if rented is None:
        return None
    row, count = rented
    price, hours = row.usd_per_hour, _hours(estimate, row, processes if target == AZURE_ML else row.gpus)
    rate = price * count if price is not None else None
    reason = "no_price: none was found for this machine" if rate is None else None
    if hours is None and reason is None:
        reason = "the hours are not known"
    return CostEstimate(
        usd=None if rate is None or hours is None else round(rate * hours, _DIGITS),
        usd_per_hour=rate,
        hours=hours,
        machine=row.id,
        count=count,
        source=f"{price_source(rules)}; the training steps alone: start-up, evaluation, export and storage are extra",
        reason=reason,
    )


def _hours(estimate: Estimate | None, row: AzureMachine, processes: int) -> float | None:
    cost = estimate.cost if estimate else None
    times = [one for one in cost.times if one.gpu == row.device] if cost else []
    found = next((one.hours for one in times if one.count == processes and one.hours), None)
    return round(found.mid, _DIGITS) if found else None
