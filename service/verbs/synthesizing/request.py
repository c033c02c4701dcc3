"""What a synthesis is asked for, checked before anything is read or asked: every unusable value told at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.evaluate.given import refuse
from service.evaluate.models import Model, read_models, require_keys
from service.lint.near import need_sketches
from service.lint.profile import load_profile
from service.synth.purse import Budgets
from service.synth.screen import Personal
from service.verbs.evaluating.request import prices_of
from service.verbs.linting.privacy import PrivacyRequest
from service.verbs.redacting.options import RedactOptions

PERSONAL: tuple[Personal, ...] = ("drop", "redact")
SUFFIX = ".jsonl"
_SHOWN_BELOW = 1e100
_RANGES = {
    "concurrency": (1, 1024), "max_new_tokens": (1, 1 << 20), "temperature": (0, 2), "chunk_tokens": (20, 20_000),
    "rows": (1, 10_000_000), "budget_tokens": (1, 10**15), "budget_requests": (1, 10**12), "seed": (0, 2**63 - 1),
}  # fmt: skip


class SynthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What rows are written from, by which model, for which lint target, into which file.

    `sources` are of kind coverage; `grid` (a TOML file, null for the shipped one), `dimensions` (in the place of the
    grid's) and `topics` of kind personas.
    `model` is a name at `endpoint`, or a TOML file that names both. `rows` null: one per chunk or topic. `work` holds
    what was answered, null for `out` with `.work` behind it. `system` is the system message of the rows, empty for
    none. `max_cost` is in USD and needs a price. `personal` says what becomes of rows in which something personal is
    found.
    """

    kind: Literal["coverage", "personas"]
    out: Path
    model: str
    target: str
    sources: list[Path] = []
    grid: Path | None = None
    topics: list[str] = []
    dimensions: dict[str, list[str]] = {}
    endpoint: str | None = None
    work: Path | None = None
    rows: int | None = None
    system: str = "You are a helpful assistant."
    budget_tokens: int | None = None
    budget_requests: int | None = None
    max_cost: float | None = None
    price: str | None = None
    api_key_env: str | None = None
    concurrency: int = 4
    temperature: float = 0.8
    max_new_tokens: int = 512
    chunk_tokens: int = 300
    seed: int = 42
    personal: Personal = "drop"
    redaction: RedactOptions = RedactOptions()
    privacy: PrivacyRequest = PrivacyRequest()

    @property
    def folder(self) -> Path:
        """The work folder."""
        return self.work if self.work is not None else self.out.with_name(f"{self.out.name}.work")

    @property
    def budgets(self) -> Budgets:
        return Budgets(requests=self.budget_requests, tokens=self.budget_tokens, usd=self.max_cost)


def checked_model(request: SynthRequest, rules: RuleFiles) -> Model:
    """The model that writes, after everything that needs no reading was looked at.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable, `missing_key`, `missing_extra`.
    """
    errors: list[ErrorItem] = []
    check_request(request, rules, errors)
    model = _model(request, errors)
    refuse(errors, "the request", "See: tunegate synth --help.")
    assert model is not None
    require_able(model)
    return model


def require_able(model: Model) -> None:
    """Raises TuneGateError (`missing_key`, `missing_extra`) where a checked request cannot be carried out here."""
    require_keys([model], os.environ)
    need_sketches()


def check_request(request: SynthRequest, rules: RuleFiles, errors: list[ErrorItem]) -> None:
    """Note everything that is unusable of a request, but for its model."""
    _check_ranges(request, errors)
    if request.out.suffix != SUFFIX:
        errors.append(ErrorItem("out", request.out.suffix or "a name without a suffix", f"NAME{SUFFIX}"))
    if request.personal not in PERSONAL:
        errors.append(ErrorItem("personal", request.personal[:40], ", ".join(PERSONAL)))
    if request.kind == "coverage" and not request.sources:
        errors.append(ErrorItem("sources", "nothing", "files or folders of documents"))
    if request.redaction.way != "pseudonyms":
        errors.append(ErrorItem("with", request.redaction.way, "pseudonyms"))
    try:
        load_profile(request.target, rules)
    except TuneGateError as error:
        errors += error.errors or [ErrorItem("target", request.target[:40], "a lint target", error.remedy)]


def _check_ranges(request: SynthRequest, errors: list[ErrorItem]) -> None:
    for name, (least, most) in _RANGES.items():
        value = getattr(request, name)
        if value is not None and not least <= value <= most:
            seen = f"{value:g}" if abs(value) < _SHOWN_BELOW else "a number beyond all use"
            errors.append(ErrorItem(name.replace("_", "-"), seen, f"from {least} to {most}"))
    if request.max_cost is not None and not 0 < request.max_cost < float("inf"):
        errors.append(ErrorItem("max-cost", f"{request.max_cost:g}", "an amount of USD above 0"))


def _model(request: SynthRequest, errors: list[ErrorItem]) -> Model | None:
    prices = prices_of(request.price, request.api_key_env, errors)
    if request.endpoint is None and not request.model.endswith(".toml"):
        errors.append(ErrorItem("endpoint", "nothing", "the address of an OpenAI-compatible endpoint, up to /v1"))
        return None
    spec = request.model if request.endpoint is None else f"{request.model}@{request.endpoint}"
    found = read_models([spec], prices, errors)
    if not found:
        return None
    check_model(request, found[0], errors)
    return found[0]


def check_model(request: SynthRequest, model: Model, errors: list[ErrorItem]) -> None:
    """Note what keeps a model from writing rows within the budgets."""
    if model.endpoint is None:
        errors.append(ErrorItem(f"model {model.id}", "a folder", "an endpoint: serve the folder first"))
    limited = request.max_cost is not None or request.budget_tokens is not None
    if request.max_cost is not None and model.usd_per_million is None:
        remedy = "Give --price, or usd_per_million in its file."
        errors.append(ErrorItem(f"model {model.id}", "a budget, and no price", "input and output prices", remedy))
    if limited and "limit" in model.left_out:
        where = f"model {model.id}: left_out"
        errors.append(ErrorItem(where, "a budget, and answers of any length", "a limit"))
