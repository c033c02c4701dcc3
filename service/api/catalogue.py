"""Routes of knowledge: rules, models, hardware, targets, techniques, platforms."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get

from service.api.problems import documented
from service.verbs import models, rules
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
        """One rule explained, as JSON or (by Accept) as an HTML page."""
        page = rules.page(context.rules, identifier)
        if "text/html" in request.headers.get("accept", ""):
            return Response(rules.html_page(page), media_type="text/html")
        return Response(page, media_type="application/json")


class Catalogues(Controller):
    """What can be chosen from."""

    path = "/"
    tags = ("catalogues",)

    @get("/models", sync_to_thread=True, responses=documented())
    def models(self, context: Context, family: str | None = None) -> ModelList:
        """Base models with their exact numbers."""
        return ModelList(models.models(rules=context.rules, settings=context.settings, family=family))

    @get("/hardware", sync_to_thread=True, responses=documented())
    def hardware(self, context: Context, min_vram_gib: float | None = None) -> HardwareList:
        """Devices with their capacity."""
        return HardwareList(models.hardware(rules=context.rules, min_capacity_gib=min_vram_gib))

    @get("/targets", sync_to_thread=True, responses=documented())
    def targets(self, context: Context) -> rules.Catalogue:
        """Where a plan can be launched or data be linted for."""
        return rules.targets(context.rules)

    @get("/techniques", sync_to_thread=True, responses=documented())
    def techniques(self, context: Context) -> rules.Catalogue:
        """The glossary of techniques."""
        return rules.techniques(context.rules)

    @get("/platforms", sync_to_thread=True, responses=documented())
    def platforms(self, context: Context) -> rules.Catalogue:
        """Platforms, infrastructure and tools, as the sources name them."""
        return rules.platforms(context.rules)
