"""Routes of knowledge: rules, models, hardware, targets, techniques, platforms."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.params import QueryParameter

from service.api.problems import documented
from service.verbs import catalogues, explain, models, rules
from service.verbs.context import Context


class ModelList(msgspec.Struct, frozen=True):
    items: list[models.ModelRow]
    next: str | None = None


class HardwareList(msgspec.Struct, frozen=True):
    items: list[models.HardwareRow]
    next: str | None = None


class Rules(Controller):
    """The rule files with their sources."""

    path = "/rules"
    tags = ("rules",)

    @get(sync_to_thread=True, responses=documented())
    def list(self, context: Context) -> rules.TableList:
        """Every decision table, with the revision of all rules."""
        return rules.list_tables(context.rules)

    @get("/{name:str}", sync_to_thread=True, responses=documented(404))
    def table(self, name: str, context: Context) -> rules.TableView:
        """One table, row by row."""
        return rules.table(context.rules, name)

    @get("/ids/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def rule(self, request: Request[Any, Any, Any], identifier: str, context: Context) -> Response[Any]:
        """One rule, check, fact, platform or model explained, as JSON or (by Accept) as an HTML page."""
        page = explain.page(context.rules, identifier)
        headers = {"Vary": "Accept"}
        if "text/html" in request.headers.get("accept", ""):
            return Response(explain.html_page(page), media_type="text/html", headers=headers)
        return Response(page, media_type="application/json", headers=headers)


class Catalogues(Controller):
    """What can be chosen from."""

    path = "/"
    tags = ("catalogues",)

    @get("/models", sync_to_thread=True, responses=documented(422))
    def models(
        self,
        context: Context,
        family: str | None = None,
        part: Annotated[str | None, QueryParameter(name="query", description="Part of the id.")] = None,
        max_params: int | None = None,
        task: Annotated[str | None, QueryParameter(description="chat-completion, text-classification, ...")] = None,
        language: Annotated[
            list[str] | None, QueryParameter(description="ISO 639-1; repeatable, all are needed.")
        ] = None,
        min_context: Annotated[int | None, QueryParameter(description="Tokens.", ge=1)] = None,
        licence: str | None = None,
        target: Annotated[str | None, QueryParameter(description="Can be tuned there today.")] = None,
        method: Annotated[str | None, QueryParameter(description="sft, dpo or rft.")] = None,
        customer: Annotated[str | None, QueryParameter(description="new or existing customer of the target.")] = None,
        region: str | None = None,
        gpu: Annotated[str | None, QueryParameter(description="Fits in this device's memory.")] = None,
        technique: Annotated[str, QueryParameter(description="The technique whose memory must fit.")] = "lora",
    ) -> ModelList:
        """Base models that satisfy every filter, the best first, each with its reasons and warnings."""
        wanted = models.ModelFilter(
            family=family, query=part, max_params=max_params, task=task, languages=language or [],
            min_context=min_context, licence=licence, target=target, method=method, customer=customer, region=region,
            gpu=gpu, technique=technique,
        )  # fmt: skip
        return ModelList(models.models(wanted, rules=context.rules, settings=context.settings))

    @get("/hardware", sync_to_thread=True, responses=documented())
    def hardware(
        self,
        context: Context,
        min_vram_gib: float | None = None,
        kind: Annotated[str | None, QueryParameter(description="cuda or cpu.")] = None,
        part: Annotated[str | None, QueryParameter(name="query", description="Part of the id.")] = None,
    ) -> HardwareList:
        """Devices with their capacity, and the Azure machines that have them with their prices."""
        found = models.hardware(rules=context.rules, kind=kind, query=part, min_capacity_gib=min_vram_gib)
        return HardwareList(found)

    @get("/targets", sync_to_thread=True, responses=documented())
    def targets(self, context: Context) -> catalogues.Catalogue:
        """Where a plan can be launched or data be linted for."""
        return catalogues.targets(context.rules)

    @get("/techniques", sync_to_thread=True, responses=documented())
    def techniques(self, context: Context) -> catalogues.Catalogue:
        """The glossary of techniques, sharding and the steps before them."""
        return catalogues.techniques(context.rules)

    @get("/platforms", sync_to_thread=True, responses=documented())
    def platforms(self, context: Context) -> catalogues.Catalogue:
        """Service models, platforms, infrastructure and tools, as the sources name them."""
        return catalogues.platforms(context.rules)
