"""The OpenAPI document as it is served and kept in openapi/: what the framework leaves open is closed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin, YamlRenderPlugin

from service.api.contract_page import contract_page
from service.api.examples import add_examples

_CREATED = ("201", "202")
# where an id that one route returns is taken by another: (route that returns it, field of the other's body)
_TAKEN_BY = {
    ("/v1/plans", "dataset_id"): "/v1/datasets",
    ("/v1/plans", "decision_id"): "/v1/decisions",
    ("/v1/jobs", "plan_id"): "/v1/plans",
    ("/v1/decisions", "dataset_id"): "/v1/datasets",
    ("/v1/evaluations", "dataset_id"): "/v1/datasets",
}
_METRICS = ("application/openmetrics-text", "text/plain")


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document closed: whole objects, named operations, links between routes, examples.

    A struct that refuses unknown fields is `additionalProperties: false`, which the framework does not say.
    """
    closed = _closed_structs()
    for schema in _schemas(document):
        if isinstance(title := schema.get("title"), str) and title in closed and "properties" in schema:
            schema["additionalProperties"] = False
        if "oneOf" in schema and "discriminator" not in schema:
            schema["anyOf"] = schema.pop("oneOf")  # 1 is an integer and a number too
    _name(document["paths"])
    _link(document["paths"])
    add_examples(document["paths"])
    if (metrics := document["paths"].get("/metrics")) is not None:
        text = {"schema": {"type": "string"}}
        metrics["get"]["responses"]["200"]["content"] = dict.fromkeys(_METRICS, text)
    return document


def _closed_structs() -> set[str]:
    """Names of the structs that refuse unknown fields, and of no other struct."""
    seen: dict[str, set[bool]] = {}
    waiting: list[type[msgspec.Struct]] = [msgspec.Struct]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            seen.setdefault(kind.__name__, set()).add(kind.__struct_config__.forbid_unknown_fields)
    return {name for name, found in seen.items() if found == {True}}


def _schemas(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _schemas(value)
    elif isinstance(node, list):
        for value in node:
            yield from _schemas(value)


def _name(paths: dict[str, Any]) -> None:
    """`jobs_cancel`: the tag and the summary's word for it, which generated clients use as names."""
    for operations in paths.values():
        for operation in operations.values():
            tag, words = operation.get("tags", ["operation"])[0], operation["operationId"]
            # the framework's ids repeat the path: V1JobsIdentifierCancelCancel
            last = re.findall(r"[A-Z][a-z]*(?:_[a-z]+)*", words)[-1].lower()
            operation["operationId"] = f"{tag}_{last}"


def _link(paths: dict[str, Any]) -> None:
    """OpenAPI links: the id of what a POST makes leads to every route below it and to the bodies that take it."""
    for path, operations in paths.items():
        answers = operations.get("post", {}).get("responses", {})
        made = next((answers[status] for status in _CREATED if status in answers), None)
        if made is None or path.endswith("}"):
            continue
        below = [name for name in paths if re.match(re.escape(path) + r"/\{identifier\}", name)]
        links = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {"path.identifier": "$response.body#/id"},
            }
            for name in below
            for operation in paths[name].values()
            if name.count("{") == 1
        }
        for (taker, field), maker in _TAKEN_BY.items():
            if maker == path and taker in paths:
                target = paths[taker]["post"]["operationId"]
                links[f"{target}_{field}"] = {
                    "operationId": target, "requestBody": {field: "$response.body#/id"},
                }  # fmt: skip
        if links:
            made["links"] = dict(sorted(links.items()))


class Contract:
    """What the routes below /schema show, made once."""

    def __init__(self) -> None:
        self._made: dict[str, Any] | None = None

    def of(self, document: dict[str, Any]) -> dict[str, Any]:
        """The framework's document completed; it is the same one each time."""
        self._made = self._made or completed(deepcopy(document))
        return self._made

    def render_plugins(self) -> list[OpenAPIRenderPlugin]:
        """/schema (a page), /schema/openapi.json and /schema/openapi.yaml."""
        return [_Page(self), _Json(self), _Yaml(self)]


class _Json(JsonRenderPlugin):
    def __init__(self, contract: Contract) -> None:
        super().__init__()
        self._contract = contract

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, self._contract.of(openapi_schema))


class _Yaml(YamlRenderPlugin):
    def __init__(self, contract: Contract) -> None:
        super().__init__()
        self._contract = contract

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, self._contract.of(openapi_schema))


class _Page(OpenAPIRenderPlugin):
    """The contract as one page of its own: nothing of it comes from another host."""

    def __init__(self, contract: Contract) -> None:
        super().__init__(path="/")
        self._contract = contract

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        del request
        return contract_page(self._contract.of(openapi_schema)).encode()
