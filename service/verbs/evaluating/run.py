"""Carries an evaluation out: opens the models, asks, measures, and keeps the record."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import msgspec

from service.clock import now
from service.data import RuleFiles
from service.evaluate.answer_log import AnswerLog
from service.evaluate.asker import FINAL, Asker, Progress
from service.evaluate.asking import Asked, Asking
from service.evaluate.assemble import About, assemble
from service.evaluate.budget import Budget
from service.evaluate.counting import counted_by, tokens, tokens_or_none
from service.evaluate.documents import Documents, read_documents
from service.evaluate.endpoint import EndpointAsker
from service.evaluate.examples import with_examples
from service.evaluate.kept_measures import KeptMeasures
from service.evaluate.kept_record import keep
from service.evaluate.line import Line
from service.evaluate.models import Model, key_of, require_keys
from service.evaluate.process import ProcessAsker
from service.evaluate.retrievers import Retrievers
from service.evaluate.rows import RowFile, RowSet, read_rows
from service.evaluate.variants import Variant, node_paths, services_of
from service.verbs.evaluating.evaluated import Evaluated, failures, refuse_without_answers
from service.verbs.evaluating.folders import engines_of
from service.verbs.evaluating.request import Checked, EvaluateRequest


def run(
    request: EvaluateRequest, checked: Checked, key: str, rules: RuleFiles, report: Callable[[Progress], None]
) -> Evaluated:
    """Ask what is not in the folder yet, measure all of it, and write the record; `key` is of the inputs.

    Raises:
        TuneGateError: as `evaluate` says.

    """
    with AnswerLog(request.out) as log:
        return _run(request, checked, log, key, rules, report)


def _run(
    request: EvaluateRequest,
    checked: Checked,
    log: AnswerLog,
    key: str,
    rules: RuleFiles,
    report: Callable[[Progress], None],
) -> Evaluated:
    files = [RowFile(path, str(path)) for path in request.files]
    files += [RowFile(path, str(path), "regression") for path in request.regression]
    rows = read_rows(files, nodes=node_paths(checked.variants))
    variants = with_examples(checked.variants, rows.rows, seed=request.seed)
    documents = _documents(request, variants)
    about = _about(request, checked, rows, documents, variants)
    # what cannot be measured is refused before anything is paid for
    assemble(rows.rows, {}, about, rules=rules)
    judge = [] if checked.judge is None else [checked.judge]
    require_keys([*checked.models, *judge, *services_of(variants)], os.environ)
    engines = engines_of([*checked.models, *judge])
    budget = Budget(request.budget, log.usd)

    def asker(model: Model) -> Asker:
        if model.endpoint is None:
            return ProcessAsker(model, seed=request.seed, engine=engines[model.id])
        return EndpointAsker(model, key=key_of(model, os.environ), count=tokens_or_none)

    async def ask() -> tuple[list[Line], list[Line], Retrievers, Asked]:
        lines, judges = (
            [
                Line(model, asker(model), log, budget, workers=_workers(model, request), seed=request.seed)
                for model in models
            ]
            for models in (checked.models, judge)
        )
        found = Retrievers(
            variants,
            documents,
            log,
            budget,
            environment=os.environ,
            concurrency=request.concurrency,
            seed=request.seed,
        )
        judging = judges[0] if judges else None
        by_variant, seed = found.by_variant, request.seed
        asking = Asking(rows.rows, variants, retrievers=by_variant, seed=seed, judge=judging, report=report)
        try:
            return lines, judges, found, await asking.ask(lines)
        finally:
            for line in (*lines, *judges):
                await line.asker.close()
            await found.close()

    lines, judges, retrievers, asked = asyncio.run(ask())
    refuse_without_answers(lines, retrievers.lines)
    seen = {
        "models": [line.described() for line in lines],
        "variants": retrievers.described(variants),
        "complete": asked.complete,
        "made_at": now(),
    }
    measures = KeptMeasures(request.out)
    record = assemble(rows.rows, asked.answers, msgspec.structs.replace(about, **seen), rules=rules, kept=measures)
    measures.forget_others()
    every = [*lines, *judges, *retrievers.lines]
    settled = asked.complete and not any(set(line.failed) - FINAL for line in every)
    keep(request.out, record, key if settled else None)
    return Evaluated(
        record=record,
        asked=sum(line.answered for line in every),
        cached=sum(line.cached for line in every),
        retried=sum(line.retried for line in every),
        paid_usd=budget.spent,
        out_of_budget=asked.out_of_budget,
        failures=failures(every),
    )


def _workers(model: Model, request: EvaluateRequest) -> int:
    """One for a model on this machine, which answers one question after the other."""
    return (model.concurrency or request.concurrency) if model.endpoint else 1


def _documents(request: EvaluateRequest, variants: Sequence[Variant]) -> dict[int, Documents]:
    """The documents by the size of their passages, once for each that a variant asks for."""
    wanted = [one.retrieval for one in variants if one.retrieval is not None and one.retrieval.reads_documents]
    sizes = sorted({one.chunk_tokens for one in wanted})
    if request.documents is None:
        return {}
    folder, called = request.documents, request.documents_as
    return {size: read_documents(folder, passage_tokens=size, count=tokens, called=called) for size in sizes}


def _about(
    request: EvaluateRequest,
    checked: Checked,
    rows: RowSet,
    documents: dict[int, Documents],
    variants: Sequence[Variant],
) -> About:
    described = [one.described for one in documents.values()]
    of_one_size = {"passages", "passage_tokens"}
    folder = {key: value for key, value in described[0].items() if key not in of_one_size} if described else None
    if folder is not None:
        folder["tokens_by"] = counted_by()
        folder["passages"] = {str(one["passage_tokens"]): one["passages"] for one in described}
    return About(
        data=rows.data,
        documents=folder,
        variants=[one.described() for one in variants],
        models=[model.described() for model in checked.models],
        settings={
            "seed": request.seed,
            "samples": request.samples,
            "perturbations": request.perturbations,
            "temperature": request.temperature,
            "max_new_tokens": request.max_new_tokens,
            **({} if checked.judge is None else {"judge": checked.judge.described()}),
        },
        goal=checked.goal,
        usd_per_million={
            model.id: model.usd_per_million for model in checked.models if model.usd_per_million is not None
        },
        regression_lines=rows.regression_lines,
        complete=False,
        made_at=now(),
    )
