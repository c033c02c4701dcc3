"""The three tiers of estimate: by formula, simulated, measured; each answers the same question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.estimate.defaults import DEFAULT_SEQ_LEN, check_for_model
from service.estimate.hardware import Hardware
from service.estimate.inputs import EstimateInputs, default_techniques, invalid
from service.estimate.record import Question, estimate_one
from service.models.architecture import WITHOUT_FORMULA, Architecture, read_architecture
from service.models.resolve import resolve_model
from service.records.estimate import Estimate
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.estimating.calibrations import known_calibrations

LENGTH_FACT = "data.tokens_max"
# batches are padded to the longest row; rounding up keeps an estimate stable over small changes of the data
_LENGTH_STEP = 64


class Costing(msgspec.Struct, frozen=True, kw_only=True):
    """What all techniques of one answer share; the model is an architecture, or a config for the simulated tier."""

    inputs: EstimateInputs
    devices: Sequence[Hardware]
    seq_len: int
    report: LintReport | None
    model: Architecture | None = None
    config: dict[str, Any] | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What all techniques of one answer share; `names` are the devices as asked for, `devices` their rows."""

    inputs: EstimateInputs
    rules: RuleFiles
    settings: Settings
    report: LintReport | None
    names: list[str]
    table: dict[str, Hardware]
    devices: list[Hardware]
    solve: bool

    @property
    def techniques(self) -> list[str]:
        return list(dict.fromkeys(self.inputs.techniques or default_techniques(self.inputs)))

    @property
    def longest_row(self) -> int | None:
        """Tokens of the longest row, from the lint report."""
        longest = self.report.facts.get(LENGTH_FACT) if self.report else None
        if isinstance(longest, bool) or not isinstance(longest, int | float) or longest < 1:
            return None
        return int(longest)

    @property
    def measured_length(self) -> int | None:
        """The longest row, rounded up."""
        return None if self.longest_row is None else -(-self.longest_row // _LENGTH_STEP) * _LENGTH_STEP

    @property
    def measured_by(self) -> str | None:
        """The report that the length is of."""
        wanted = self.inputs.seq_len is None and self.measured_length is not None
        return self.report.id if self.report and wanted else None

    def length(self, most: int | None) -> int:
        """The length where nobody says one, within the model's own limit."""
        longest = self.measured_length or DEFAULT_SEQ_LEN
        return min(longest, most or longest)

    def costing(self, seq_len: int, devices: Sequence[Hardware], **model: Any) -> Costing:
        return Costing(inputs=self.inputs, devices=devices, seq_len=seq_len, report=self.report, **model)


class Answered(msgspec.Struct, frozen=True):
    """The estimates of one tier, what their costs are worked out from, the model's context, the formulas' questions."""

    estimates: list[Estimate]
    costing: Costing
    context: int | None
    questions: Sequence[Question] = ()


def by_formula(asked: Asked, errors: list[ErrorItem]) -> Answered:
    """Arithmetic alone."""
    name, architecture, context = _architecture(asked, errors)
    errors += check_for_model(asked.inputs, architecture)
    if errors:
        raise invalid(errors)
    seq_len, measured = asked.length(context or architecture.positions), known_calibrations(asked.settings)
    questions = [
        Question(
            inputs=asked.inputs,
            technique=technique,
            model_name=name,
            model=architecture,
            devices=asked.devices,
            seq_len=seq_len,
            measured_by=asked.measured_by,
            context=context,
            solve=asked.solve,
            calibrations=measured.known,
            unread=measured.unread,
        )
        for technique in asked.techniques
    ]
    costing = asked.costing(seq_len, asked.devices, model=architecture)
    return Answered([estimate_one(question) for question in questions], costing, context, questions)


def by_simulation(asked: Asked, errors: list[ErrorItem]) -> Answered:
    """The model's own class on tensors without memory."""
    # a formula needs none of it, and is to start like a small tool
    from service.verbs.estimating.simulated import SimulatedModel, estimate_simulated, unsimulated

    errors += unsimulated(asked.inputs)
    if errors:
        raise invalid(errors)
    found = resolve_model(asked.inputs.model, rules=asked.rules, settings=asked.settings)
    context = _context(found.config)
    seq_len = asked.length(context)
    made = [
        estimate_simulated(
            asked.inputs,
            technique,
            model=SimulatedModel(found.name, found.config),
            devices=asked.devices,
            seq_len=seq_len,
            measured_by=asked.measured_by,
        )
        for technique in asked.techniques
    ]
    return Answered(made, asked.costing(seq_len, asked.devices, config=found.config), context)


def by_measurement(asked: Asked, errors: list[ErrorItem]) -> Answered:
    """Real steps on a device of this machine."""
    from service.verbs.estimating.measured import estimate_measured, place_of, required
    from service.verbs.estimating.simulated import SimulatedModel, unsimulated

    place, wrong = place_of(asked.names, asked.table)
    errors = [*wrong, *errors, *unsimulated(asked.inputs)]
    if errors:
        raise invalid(errors)
    found = resolve_model(asked.inputs.model, rules=asked.rules, settings=asked.settings)
    here = required(place)
    context = _context(found.config)
    seq_len = asked.length(context)
    made = [
        estimate_measured(
            asked.inputs,
            technique,
            model=SimulatedModel(found.name, found.config),
            place=here,
            settings=asked.settings,
            seq_len=seq_len,
            measured_by=asked.measured_by,
        )
        for technique in asked.techniques
    ]
    return Answered(made, asked.costing(seq_len, [here.row], config=found.config), context)


TIERS = {"formula": by_formula, "simulated": by_simulation, "measured": by_measurement}


def _architecture(asked: Asked, errors: list[ErrorItem]) -> tuple[str, Architecture, int | None]:
    """The model's name, sizes and context; a model that cannot be read joins the other errors where there are some."""
    try:
        model = resolve_model(asked.inputs.model, rules=asked.rules, settings=asked.settings)
        architecture = read_architecture(model.config, where=model.name)
        _require_sized(model.name, architecture)
    except TuneGateError as error:
        if not errors:
            raise
        raise invalid([*errors, ErrorItem("model", error.detail.rstrip("."), None, error.remedy or None)]) from error
    return model.name, architecture, _context(model.config)


def _require_sized(name: str, model: Architecture) -> None:
    if why := model.family.unsized:
        what = f"{name}: no memory formula for model_type {model.model_type!r}: {why}."
        raise TuneGateError("unsupported_family", what, remedy=WITHOUT_FORMULA)


def _context(config: Mapping[str, Any]) -> int | None:
    """Tokens that the model knows positions for, where its config says so (GPT-2's family calls them n_positions)."""
    most = config.get("max_position_embeddings") or config.get("n_positions")
    return most if isinstance(most, int) and most > 0 else None
