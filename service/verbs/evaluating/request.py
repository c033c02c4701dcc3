"""What an evaluation is asked for, checked before anything is asked: every unusable value told at once."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from service.errors import ErrorItem
from service.evaluate.given import refuse
from service.evaluate.goals import read_goal
from service.evaluate.models import Model, Prices, read_models
from service.evaluate.retrieval_settings import PASSAGES, Retrieval
from service.evaluate.variants import (
    Defaults,
    Variant,
    check_together,
    for_tuned_models,
    read_variants,
    services_of,
)
from service.records.evaluation import Goal

_PRICE = re.compile(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")
_DOCUMENTS = "documents (--documents DIR, over HTTP the body's), or [retrieval.search]"
_RANGES = {
    "concurrency": (1, 1024), "shots": (1, 100), "samples": (0, 100), "perturbations": (0, 100),
    "max_new_tokens": (1, 1 << 20), "temperature": (0, 2),
}  # fmt: skip


class EvaluateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Files, and settings as people write them: `goal` "exact_match>=90%" or "exact_match>=90%,usd_per_1000<=2",
    `price` "0.15/0.60" (USD per million tokens of prompts and answers, for endpoints named in short), `budget` in USD
    over all tries of the folder. `documents_as` is what the record calls the folder of documents, null for its path.
    """

    files: list[Path]
    out: Path
    models: list[str]
    regression: list[Path] = []
    variants: list[Path] = []
    examples: Path | None = None
    shots: int = 3
    documents: Path | None = None
    judge: str | None = None
    goal: str | None = None
    budget: float | None = None
    price: str | None = None
    api_key_env: str | None = None
    concurrency: int = 8
    samples: int = 0
    perturbations: int = 0
    temperature: float = 0.0
    max_new_tokens: int = 512
    seed: int = 42
    documents_as: str | None = None


class Checked(msgspec.Struct, frozen=True):
    """What the request comes to."""

    variants: list[Variant]
    models: list[Model]
    goal: Goal | None
    judge: Model | None = None


def check_request(request: EvaluateRequest) -> Checked:
    """The variants, models and goal of a request.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable.

    """
    errors: list[ErrorItem] = []
    check_ranges(request, errors)
    for name, given, why in (("FILE", request.files, "a JSONL file"), ("model", request.models, "at least one")):
        if not given:
            errors.append(ErrorItem(name, "nothing", why))
    goal, prices = read_goal(request.goal, errors), prices_of(request.price, request.api_key_env, errors)
    models = read_models(request.models, prices, errors)
    judges = read_models([request.judge] if request.judge is not None else [], prices, errors)
    read = Checked(_variants(request, errors), models, goal, judges[0] if judges else None)
    return check_whole(request, read, errors)


def check_ranges(request: EvaluateRequest, errors: list[ErrorItem]) -> None:
    """Note every setting that is out of its range."""
    for name, (least, most) in _RANGES.items():
        value = getattr(request, name)
        if not least <= value <= most:
            errors.append(ErrorItem(name.replace("_", "-"), f"{value:g}", f"from {least} to {most}"))


def check_whole(request: EvaluateRequest, read: Checked, errors: list[ErrorItem]) -> Checked:
    """What was read, held against each other and against the budget.

    Raises:
        TuneGateError: `invalid_input` with everything in `errors`, what was noted before too.

    """
    variants, models, judge = read.variants, read.models, read.judge
    if judge is not None:
        # a model may judge its own answers: by another id it is another line of requests
        judge = msgspec.structs.replace(judge, id=f"judge-{judge.id}")
        if judge.id in {model.id for model in models}:
            errors.append(ErrorItem(f"model {judge.id}", "the id that the judge has here", "ids that differ (id)"))
    check_together(variants, [model.id for model in models], errors)
    tuned = [model.id for model in models if model.tuned]
    variants = for_tuned_models(variants, tuned, [model.id for model in models if not model.tuned])
    if request.documents is None:
        errors += [
            ErrorItem(f"variant {one.id}: retrieval", "no documents", _DOCUMENTS)
            for one in variants
            if one.retrieval is not None and one.retrieval.reads_documents
        ]
    asked = [*models, *([] if judge is None else [judge]), *services_of(variants)]
    _check_budget(request, asked, errors)
    refuse(errors, "what is to be evaluated")
    return Checked(variants, models, read.goal, judge)


def _variants(request: EvaluateRequest, errors: list[ErrorItem]) -> list[Variant]:
    if request.variants:
        return read_variants(request.variants, defaults_of(request), errors)
    return usual_variants(request)


def defaults_of(request: EvaluateRequest) -> Defaults:
    """What variants that say nothing themselves are asked with."""
    return Defaults(
        samples=request.samples,
        perturbations=request.perturbations,
        temperature=request.temperature,
        max_new_tokens=request.max_new_tokens,
    )


def usual_variants(request: EvaluateRequest) -> list[Variant]:
    """One for each kind that there is something to try with, where no variants are given."""
    plain = Variant(id="zero-shot", kind="zero-shot", **msgspec.structs.asdict(defaults_of(request)))
    found = [plain]
    if request.examples is not None:
        shown = {"examples_file": str(request.examples), "shots": request.shots}
        found.append(msgspec.structs.replace(plain, id="few-shot", kind="few-shot", **shown))
    if request.documents is not None:
        found.append(msgspec.structs.replace(plain, id="rag", kind="rag", retrieval=Retrieval(template=PASSAGES)))
    return found


def prices_of(price: str | None, api_key_env: str | None, errors: list[ErrorItem]) -> Prices:
    """What is said of endpoints that are named in short; a price that is none is noted."""
    if price is None:
        return Prices(api_key_env)
    found = _PRICE.fullmatch(price.strip())
    if found is None:
        errors.append(ErrorItem("price", repr(price[:40]), "PROMPT/ANSWER, USD per million tokens: 0.15/0.60"))
        return Prices(api_key_env)
    return Prices(api_key_env, (float(found[1]), float(found[2])))


def _check_budget(request: EvaluateRequest, models: list[Model], errors: list[ErrorItem]) -> None:
    if request.budget is None:
        return
    if not 0 < request.budget < float("inf"):
        errors.append(ErrorItem("budget", f"{request.budget:g}", "an amount of USD above 0"))
    found = []
    for model in models:
        if model.endpoint is not None and model.usd_per_million is None:
            remedy = "Give usd_per_million in its file, or --price for models named in short."
            found.append(ErrorItem(f"model {model.id}", "a budget, and no price", "input and output prices", remedy))
        if "limit" in model.left_out:
            where = f"model {model.id}: left_out"
            found.append(ErrorItem(where, "a budget, and answers of any length", "a limit, so that a price is known"))
    # variants may share a service; services of one id may differ
    errors += dict.fromkeys(found)
