"""Time, money and break-even beside an estimate: what is known of the data, the runs on the devices, the prices."""

from __future__ import annotations

from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.estimate.amounts import Data
from service.estimate.cost import CostQuestion, KnownData, OnDevice, Prices, cost_of
from service.estimate.cost_inputs import DEFAULT_EPOCHS, TrainingInputs, UsageInputs
from service.estimate.defaults import nested, resolve, settings_of
from service.estimate.hardware import ANY_GPU, Hardware
from service.estimate.inputs import TECHNIQUES, EstimateInputs
from service.estimate.machines import azure_machines, price_source
from service.estimate.notation import Run
from service.estimate.services import service_prices
from service.models.architecture import Architecture
from service.models.matmuls import Matmuls, matmuls_of, matmuls_of_config
from service.records.estimate import NOT_IN_ID, Estimate
from service.records.identity import record_id
from service.records.lint_report import LintReport
from service.verbs.estimating.tiers import Costing

_METHOD = "only supervised fine-tuning is timed; the lint report is of method"
_NO_TOKENS = "the training tokens are not known: give training.tokens, or a lint report"


def unknown_service(inputs: EstimateInputs, rules: RuleFiles) -> list[ErrorItem]:
    """A service to replace that the price rows do not have."""
    name = inputs.usage.replaces
    if name is None:
        return []
    ids = [row.id for row in service_prices(rules)]
    return (
        [] if name in ids else [ErrorItem("usage.replaces", name[:80], ", ".join(ids), suggestion(name, ids) or None)]
    )


def with_costs(estimates: list[Estimate], costing: Costing, rules: RuleFiles) -> list[Estimate]:
    """The same estimates with time and money; as they were where nothing is known of data or requests.

    Raises:
        TuneGateError: `invalid_rules`.

    """
    inputs = costing.inputs
    known = known_of(inputs.training, costing.report)
    if known is None and inputs.usage == UsageInputs():
        return estimates
    prices = Prices(machines=azure_machines(rules), machine_source=price_source(rules), services=service_prices(rules))
    known = known or _nothing(inputs.training, None)
    return [_with_cost(one, costing, known, prices) for one in estimates]


def _with_cost(one: Estimate, costing: Costing, known: KnownData, prices: Prices) -> Estimate:
    architecture, matmuls, uncounted = _counted(one, costing)
    inputs = costing.inputs
    question = CostQuestion(
        known=known,
        usage=inputs.usage,
        main=_on(_first(costing), one.technique, costing, architecture).run,
        devices=[_judged_on(row, one, costing, architecture) for row in _judged(one, costing)],
        matmuls=matmuls,
        uncounted=uncounted,
    )
    data = known.data
    said: dict[str, Any] = {
        "training": {
            "rows": known.rows,
            "tokens": data.tokens_low if data and data.tokens_low == data.tokens_high else None,
            "epochs": known.epochs,
        }
    }
    if inputs.usage != UsageInputs():
        said["usage"] = msgspec.to_builtins(inputs.usage)
    made = msgspec.structs.replace(one, inputs={**one.inputs, **said}, cost=cost_of(question, prices))
    return msgspec.structs.replace(made, id=record_id(made, without=NOT_IN_ID))


def _counted(one: Estimate, costing: Costing) -> tuple[Architecture | None, Matmuls | None, str | None]:
    """(sizes, matrices, why the operations cannot be counted)."""
    model, found = costing.model, None
    try:
        if model is None:
            model, found = matmuls_of_config(costing.config or {}, where=one.model)
        else:
            found = matmuls_of(model)
    except TuneGateError as error:
        return None, None, f"its operations are not counted: {error.detail.rstrip('.')}"
    if one.technique not in TECHNIQUES:
        return model, None, "the operations of other PEFT methods are not counted"
    return model, found, None


def _first(costing: Costing) -> Hardware:
    return costing.devices[0] if costing.inputs.gpu is not None and costing.devices else ANY_GPU


def _judged(one: Estimate, costing: Costing) -> list[Hardware]:
    """The named devices; where none is named, the GPUs that hold the run."""
    if costing.inputs.gpu is not None:
        return list(costing.devices)
    fitting = {fit.gpu for fit in one.fits if fit.verdict != "no"}
    return [row for row in costing.devices if row.id in fitting and not row.is_cpu]


def _judged_on(device: Hardware, one: Estimate, costing: Costing, model: Architecture | None) -> OnDevice:
    fits = all(fit.verdict != "no" for fit in one.fits if fit.gpu == device.id)
    return msgspec.structs.replace(_on(device, one.technique, costing, model), fits=fits)


def _on(device: Hardware, technique: str, costing: Costing, model: Architecture | None) -> OnDevice:
    if model is not None:
        resolved = resolve(costing.inputs, technique, model=model, device=device, seq_len=costing.seq_len)
        return OnDevice(device=device, run=resolved.run, settings=resolved.inputs)
    values, _ = settings_of(costing.inputs, technique, device=device, seq_len=costing.seq_len)
    run = Run(
        technique=technique, micro_batch=values["micro_batch"], seq_len=values["seq_len"], gpus=values["gpus"],
        padded=values["padded"] or values["packing"], packed=values["packing"],
        kernel="efficient" if values["packing"] and values["attention"] != "flash" else "flash",
    )  # fmt: skip
    return OnDevice(device=device, run=run, settings=nested(values))


def known_of(given: TrainingInputs, report: LintReport | None) -> KnownData | None:
    """What caller and report say together; None where neither says anything."""
    if report is None and given == TrainingInputs():
        return None
    if report is not None and report.method != "sft":
        # preferences run a second model, and both answers of a pair
        return _nothing(given, _count(report, "data.rows"), f"{_METHOD} {report.method}")
    statistics = report.statistics if report else None
    rows = given.rows or _count(report, "data.rows")
    exact = given.tokens is not None or bool(statistics and statistics.exact_tokens)
    tokens = given.tokens or (statistics.tokens if statistics and statistics.tokens else None)
    low, high = (tokens, tokens) if tokens else _from_quantiles(report, rows)
    if low is None or high is None:
        return None if given == TrainingInputs() else _nothing(given, rows)
    epochs = given.epochs or DEFAULT_EPOCHS
    return KnownData(
        data=Data(rows=rows, tokens_low=low, tokens_high=high, epochs=epochs, lengths=_lengths(given, report)),
        rows=rows,
        epochs=epochs,
        tokens_from="given" if given.tokens else "report",
        exact_tokens=exact,
        epochs_assumed=given.epochs is None,
    )


def _lengths(given: TrainingInputs, report: LintReport | None) -> tuple[tuple[int, int], ...]:
    """The report's rows by length, where the data are the report's."""
    if given.rows is not None or given.tokens is not None or report is None or report.statistics is None:
        return ()
    return tuple((bin_.high, bin_.rows) for bin_ in report.statistics.lengths)


def _nothing(given: TrainingInputs, rows: int | None, reason: str = _NO_TOKENS) -> KnownData:
    return KnownData(data=None, rows=rows, epochs=given.epochs, tokens_from=None, exact_tokens=False, reason=reason)


def _from_quantiles(report: LintReport | None, rows: int | None) -> tuple[int | None, int | None]:
    """Bounds of the sum of all lengths: half of the rows are not above the median, 5 % not below p95."""
    p50, p95, most = (_count(report, f"data.tokens_{name}") for name in ("p50", "p95", "max"))
    if rows is None or p50 is None or p95 is None or most is None:
        return None, None
    low = max(rows, int(rows * (0.45 * p50 + 0.05 * p95)))
    return low, max(low, -int(-rows * (0.5 * p50 + 0.45 * p95 + 0.05 * most)))


def _count(report: LintReport | None, fact: str) -> int | None:
    value = report.facts.get(fact) if report else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 1:
        return None
    return int(value)
