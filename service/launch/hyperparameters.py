"""Resolves hyper-parameters: what was asked, else a default with its reason; learning rate = base rate x multiplier."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeVar

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.peft_methods import DEFAULT_VIRTUAL_TOKENS, method_of
from service.launch.request import HyperparameterRequest
from trainers.contract import Adapter, Choice, Dpo, Hyperparameters, Task

T = TypeVar("T")

DEFAULT_BATCH_SIZE = 8
DEFAULT_EPOCHS = 3
# what a seed may be: torch takes more, NumPy does not
_SEEDS = 2**32
_WITHOUT_ADAPTER = ("full", "peft")


class BaseRate(msgspec.Struct, frozen=True):
    """A learning rate for models up to `max_params` parameters, with its source.

    `method` is a peft_type, `objective` the plan's method.
    """

    technique: str
    max_params: int
    rate: float
    source: str
    method: str | None = None
    objective: str = "sft"
    model: Literal["decoder", "encoder"] = "decoder"


class _File(msgspec.Struct, frozen=True):
    base_rate: list[BaseRate]


def base_rate(
    rules: RuleFiles,
    *,
    technique: str,
    params: int | None,
    method: str | None = None,
    objective: str = "sft",
    task: Task = "chat",
) -> BaseRate:
    """The row of the smallest size class that holds the model; unknown sizes take the largest class.

    A PEFT method without rows of its own takes those of the technique.
    """
    rows = [
        row
        for row in msgspec.toml.decode(rules.read("hyperparameters.toml"), type=_File).base_rate
        if row.technique == technique and row.objective == objective and (row.model == "decoder") == (task == "chat")
    ]
    rows = [row for row in rows if row.method == method] or [row for row in rows if row.method is None]
    if not rows:
        raise TuneGateError(
            "invalid_rules",
            f"hyperparameters.toml: no base_rate for technique {technique!r} and objective {objective!r}.",
            remedy="Add a [[base_rate]] row, or give learning_rate.",
        )
    rows.sort(key=lambda row: row.max_params)
    return next((row for row in rows if params is not None and params <= row.max_params), rows[-1])


def resolve(
    wanted: HyperparameterRequest,
    *,
    rules: RuleFiles,
    technique: str,
    params: int | None,
    seed_from: str,
    processes: int = 1,
    objective: str = "sft",
    task: Task = "chat",
) -> tuple[Hyperparameters, list[Choice]]:
    """Every value the trainer will use, so that the plan says them all; and why each was chosen that nobody gave."""
    chosen = _Chosen(wanted)
    per_process = wanted.micro_batch or max(1, DEFAULT_BATCH_SIZE // processes)
    why = "our default" if wanted.micro_batch is None else "one micro-batch"
    if processes > 1:
        why = f"{per_process} for each of {processes} processes"
    batch_size = chosen("batch_size", per_process * processes, why)
    base, rate, multiplier = _rates(
        wanted, chosen, rules=rules, technique=technique, params=params, objective=objective, task=task
    )
    defaults = Hyperparameters(base_learning_rate=base, learning_rate=rate)
    values = Hyperparameters(
        batch_size=batch_size,
        micro_batch=chosen(
            "micro_batch",
            default_micro_batch(batch_size, processes),
            f"the largest divisor of {'the batch' if processes == 1 else 'its share of the batch'} up to "
            f"{DEFAULT_BATCH_SIZE}",
        ),
        learning_rate_multiplier=multiplier,
        base_learning_rate=base,
        learning_rate=rate,
        n_epochs=chosen("n_epochs", DEFAULT_EPOCHS, "our default"),
        seed=chosen("seed", generated_seed(seed_from), "generated from the data and the model"),
        warmup_ratio=chosen("warmup_ratio", defaults.warmup_ratio, "our default"),
        weight_decay=chosen("weight_decay", defaults.weight_decay, "our default"),
        max_grad_norm=chosen("max_grad_norm", defaults.max_grad_norm, "our default"),
        max_tokens=wanted.max_tokens,
        adapter=None if technique in _WITHOUT_ADAPTER else chosen.adapter(),
        peft=_completed(wanted.peft, rules, chosen) if technique == "peft" else None,
        save_steps=wanted.save_steps,
        eval_steps=wanted.eval_steps,
        early_stopping=wanted.early_stopping,
        keep=chosen("keep", defaults.keep, "our default"),
        overlong=chosen("overlong", defaults.overlong, "our default"),
        packing=chosen("packing", defaults.packing, "our default"),
        dpo=chosen.dpo() if objective == "dpo" else None,
    )
    return values, chosen.made


def generated_seed(text: str) -> int:
    """A seed that nobody gave: it differs between runs on other data, and is the same for the same request."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % _SEEDS


def require_measurable(wanted: HyperparameterRequest, *, validated: bool) -> None:
    """Refuse settings that rest on a validation loss when there is nothing to measure it on.

    Raises:
        TuneGateError: `invalid_input` with one item per setting.

    """
    asked = {
        "early_stopping": wanted.early_stopping,
        "eval_steps": wanted.eval_steps,
        "keep": wanted.keep if wanted.keep == "best" else None,
    }
    errors = [
        ErrorItem(f"hyperparameters.{name}", str(value), "only with validation data", "Give a validation file.")
        for name, value in asked.items()
        if value is not None and not validated
    ]
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} setting(s) rest on a validation loss.", errors=errors)


def default_micro_batch(batch_size: int | None, processes: int) -> int:
    """Rows per forward pass that nobody chose."""
    whole = batch_size or max(1, DEFAULT_BATCH_SIZE // processes) * processes
    return largest_divisor(max(1, whole // processes), DEFAULT_BATCH_SIZE)


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of `number` that is not above `limit`."""
    return next(size for size in range(min(number, limit), 0, -1) if number % size == 0)


class _Chosen:
    """Answers with what was wanted, or takes the default and notes it."""

    def __init__(self, wanted: HyperparameterRequest) -> None:
        self._wanted = wanted
        self.made: list[Choice] = []

    def __call__(self, name: str, default: T, why: str) -> T:
        value: T | None = getattr(self._wanted, name)
        if value is None:
            return self.note(name, default, why)
        return value

    def note(self, name: str, value: T, why: str) -> T:
        self.made.append(Choice(name, value, why))  # type: ignore[arg-type]
        return value

    def adapter(self) -> Adapter:
        if self._wanted.adapter is not None:
            return self._wanted.adapter
        default = Adapter()
        self.note("adapter", f"r {default.r}, alpha {default.alpha}, {default.targets}", "our default")
        return default

    def dpo(self) -> Dpo:
        if self._wanted.dpo is not None:
            return self._wanted.dpo
        default = Dpo()
        self.note("dpo.beta", default.beta, "DPO paper, arXiv 2305.18290, appendix B: 0.1, as TRL's default")
        return default


def _rates(
    wanted: HyperparameterRequest,
    chosen: _Chosen,
    *,
    rules: RuleFiles,
    technique: str,
    params: int | None,
    objective: str,
    task: Task,
) -> tuple[float, float, float]:
    """(base rate, learning rate, multiplier)."""
    multiplier = 1.0 if wanted.learning_rate_multiplier is None else wanted.learning_rate_multiplier
    if wanted.learning_rate is not None:
        return wanted.learning_rate, wanted.learning_rate, multiplier
    kind = (wanted.peft or {}).get("peft_type")
    row = base_rate(rules, technique=technique, params=params, method=kind, objective=objective, task=task)
    rate = row.rate * multiplier
    chosen.note("learning_rate", rate, f"base rate {row.rate:g} x multiplier {multiplier:g}; {row.source}")
    return row.rate, rate, multiplier


def _completed(peft: dict[str, Any] | None, rules: RuleFiles, chosen: _Chosen) -> dict[str, Any]:
    """The PeftConfig with the one number that the prompt family cannot do without."""
    values, method = dict(peft or {}), method_of(peft, rules)
    if method is not None and "num_virtual_tokens" in method.fields and values.get("num_virtual_tokens") is None:
        values["num_virtual_tokens"] = chosen.note("peft.num_virtual_tokens", DEFAULT_VIRTUAL_TOKENS, "our default")
    return values
