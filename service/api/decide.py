"""Routes of advice: decisions, estimates, plans."""

from __future__ import annotations

from litestar import Controller, get, post

from service.api.problems import documented
from service.launch.request import PlanRequest
from service.records.decision import Decision
from service.records.estimate import Estimate, EstimateSet
from service.verbs.context import Context
from service.verbs.estimate import EstimateInputs
from service.verbs.records import DecisionRequest, make_decision, make_estimates, make_plan
from trainers.contract import TrainPlan


class Decisions(Controller):
    """Should we fine-tune, and how?"""

    path = "/decisions"
    tags = ("decisions",)

    @post(sync_to_thread=True, responses=documented(404, 422))
    def decide(self, data: DecisionRequest, context: Context) -> Decision:
        """The decision record; `answer` is null while facts are missing."""
        return make_decision(context, data)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Decision:
        """A stored decision."""
        return context.store.get("decision", identifier, Decision)


class Estimates(Controller):
    """Will it fit, and on what?"""

    path = "/estimates"
    tags = ("estimates",)

    @post(sync_to_thread=True, responses=documented(404, 422))
    def estimate(self, data: EstimateInputs, context: Context) -> Estimate | EstimateSet:
        """One technique gives the estimate, several (or none named: all) give a set."""
        return make_estimates(context, data)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Estimate:
        """A stored estimate."""
        return context.store.get("estimate", identifier, Estimate)


class Plans(Controller):
    """What would be run, and what blocks it."""

    path = "/plans"
    tags = ("plans",)

    @post(sync_to_thread=True, responses=documented(404, 422))
    def plan(self, data: PlanRequest, context: Context) -> TrainPlan:
        """The plan with its blockers; nothing is spent."""
        return make_plan(context, data)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> TrainPlan:
        """A stored plan."""
        return context.store.get("plan", identifier, TrainPlan)
