"""Routes of advice: decisions, estimates, plans."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.exceptions import HTTPException, ValidationException

from service.api.problems import OF_BODIES, answer_of, documented, on_http
from service.api.requests import decoded_body
from service.errors import TuneGateError
from service.launch.request import PlanRequest
from service.records.decision import Decision
from service.records.estimate import Estimate, EstimateSet
from service.records.problem import problem_of
from service.verbs.advising.page import html, markdown
from service.verbs.advising.translate import preferred, translated
from service.verbs.context import Context
from service.verbs.estimate import EstimateInputs, read_inputs
from service.verbs.estimating import page as estimate_page
from service.verbs.records import DecisionRequest, make_decision, make_estimates, make_plan
from trainers.contract import TrainPlan


class Decisions(Controller):
    """Should we fine-tune, and how?"""

    path = "/decisions"
    tags = ("decisions",)

    # a millisecond of work and one short write: handing it to a thread costs as much again (benchmarks/advise_speed.py)
    @post(sync_to_thread=False, responses=documented(404, *OF_BODIES, 422))
    def decide(self, request: Request[Any, Any, Any], data: DecisionRequest, context: Context) -> Response[Decision]:
        """The decision record; `answer` is null while facts are missing.

        Accept-Language: tl gives questions and main reasons in Tagalog; the stored record stays the same.
        """
        decision = make_decision(context, data)
        language = preferred(request.headers.get("accept-language", ""), context.rules)
        shown, _ = translated(decision, context.rules, language)
        return Response(shown, headers={"Content-Language": language, "Location": f"/v1/decisions/{decision.id}"})

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, request: Request[Any, Any, Any], identifier: str, context: Context) -> Response[Any]:
        """A stored decision, as JSON or (by Accept) as an HTML or Markdown page."""
        decision = context.store.get("decision", identifier, Decision)
        language = preferred(request.headers.get("accept-language", ""), context.rules)
        shown, words = translated(decision, context.rules, language)
        headers = {"Content-Language": language, "Vary": "Accept, Accept-Language"}
        wanted = request.headers.get("accept", "")
        if "text/html" in wanted:
            return Response(html(shown, words, language=language), media_type="text/html", headers=headers)
        if "text/markdown" in wanted:
            return Response(markdown(shown, words), media_type="text/markdown", headers=headers)
        return Response(shown, media_type="application/json", headers=headers)


def _every_mistake(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """The framework names the first field of a body that it cannot read; this names all of them."""
    try:
        read_inputs(decoded_body(request))
    except TuneGateError as found:
        return answer_of(msgspec.structs.replace(problem_of(found), status=HTTPStatus.BAD_REQUEST))
    return on_http(request, error)


class Estimates(Controller):
    """Will it fit, and on what?"""

    path = "/estimates"
    tags = ("estimates",)

    @post(
        sync_to_thread=True,
        responses=documented(404, *OF_BODIES, 422),
        exception_handlers={ValidationException: _every_mistake},
    )
    def estimate(
        self, request: Request[Any, Any, Any], data: EstimateInputs, context: Context
    ) -> Response[Estimate | EstimateSet]:
        """One technique gives the estimate, several (or none named: all) give a set; by Accept an HTML page of it."""
        return _estimated(request, make_estimates(context, data))

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, request: Request[Any, Any, Any], identifier: str, context: Context) -> Response[Estimate]:
        """A stored estimate, as JSON or (by Accept) as an HTML page."""
        return _estimated(request, context.store.get("estimate", identifier, Estimate))


def _estimated(request: Request[Any, Any, Any], found: Estimate | EstimateSet) -> Response[Any]:
    headers = {"Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        return Response(estimate_page.html(found), media_type="text/html", headers=headers)
    return Response(found, media_type="application/json", headers=headers)


class Plans(Controller):
    """What would be run, and what blocks it."""

    path = "/plans"
    tags = ("plans",)

    @post(sync_to_thread=True, responses=documented(404, *OF_BODIES, 422))
    def plan(self, data: PlanRequest, context: Context) -> TrainPlan:
        """The plan with its blockers; nothing is spent."""
        return make_plan(context, data)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> TrainPlan:
        """A stored plan."""
        return context.store.get("plan", identifier, TrainPlan)
