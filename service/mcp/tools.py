"""What each tool takes, gives and does; nothing here knows a transport, and nothing is stored."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.records.decision import Decision
from service.records.estimate import Estimate, EstimateSet
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.advise import advise
from service.verbs.estimate import EstimateInputs, answer, estimate, read_inputs
from service.verbs.explain import Page, page
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.query import lint_request, parameters
from service.verbs.receiving.bodies import LARGE_BYTES
from service.verbs.receiving.workers import Workers
from service.verbs.redacting.settings import tables_of

_REPORT = {"type": "object", "description": "A lint report, as the tool lint gives it: facts that were measured."}
_SHOWN = 60


class Ground(msgspec.Struct, frozen=True):
    """What the tools work with; `files` says whether they may read those of this machine.

    Large texts are linted by `workers`, where there are any: a thread would hold up the others of a service.
    """

    settings: Settings
    rules: RuleFiles
    files: bool
    workers: Workers | None = None


class ToolKind(msgspec.Struct, frozen=True):
    """One tool: `takes` and `gives` are JSON Schemas of objects."""

    name: str
    title: str
    what: str
    takes: dict[str, Any]
    gives: dict[str, Any]
    run: Callable[[Ground, dict[str, Any]], Any]


def tools(*, files: bool) -> dict[str, ToolKind]:
    """The tools by name; with `files` lint may be given paths of this machine."""
    kinds = (
        ToolKind(
            "advise", "Should we fine-tune?",
            "Whether to fine-tune, and how: the decision on the given facts. Where facts are missing, answer is null "
            "and unknown lists the questions, the next one first.",
            _object({
                "facts": {"type": "object", "description": "Name -> value; explain NAME tells what a fact may be."},
                "edition": {"type": "string", "description": "Edition of the scenario matrix."},
                "report": _REPORT,
                "estimates": {"type": "array", "items": {"type": "object"}, "description": "Estimates, as given."},
            }),
            _shape(Decision), _advise,
        ),
        ToolKind(
            "lint", "What is wrong with this dataset?",
            "The lint report on training data: one JSON object per line" + (", as text or in files." if files else "."),
            _object(_lint_properties(files=files), required=["target"]),
            _shape(LintReport), _lint,
        ),
        ToolKind(
            "estimate", "Will it fit?",
            "Peak GPU memory of fine-tuning a model, term by term, and what fits where. Several techniques (or none "
            "named: all) give a set.",
            _inputs_shape(), _shape(Estimate, EstimateSet), _estimate,
        ),
        ToolKind(
            "explain", "What is this?",
            "A lint check (R030), decision rule (ESC-060), fact (gap.kind), technique, platform or model: what, why, "
            "an example, its sources.",
            _object({"id": {"type": "string", "description": "The id; the case of letters does not matter."}}, ["id"]),
            _shape(Page), _explain,
        ),
    )  # fmt: skip
    return {kind.name: kind for kind in kinds}


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _shape(*records: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a record, or of one of several; its root is an object, as the protocol wants it."""
    tops, parts = msgspec.json.schema_components(records, ref_template="#/$defs/{name}")
    if len(tops) == 1:
        only: dict[str, Any] = parts[records[0].__name__]
        return only | {"$defs": parts}
    return {"type": "object", "anyOf": list(tops), "$defs": parts}


def _inputs_shape() -> dict[str, Any]:
    shape = _shape(EstimateInputs)
    return shape | {"properties": shape["properties"] | {"report": _REPORT}, "additionalProperties": False}


def _lint_properties(*, files: bool) -> dict[str, Any]:
    """Those of the query of POST /v1/lint, and the data itself."""
    found = {one.name: one.schema | {"description": one.what} for one in parameters(stored=False)}
    found["text"] = {"type": "string", "description": "The data: one JSON object per line."}
    if files:
        paths = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        found["paths"] = paths | {"description": "Instead of text: files of this machine, linted as one corpus."}
    return found


def _advise(ground: Ground, given: dict[str, Any]) -> Decision:
    errors = _unknown(given, ("facts", "edition", "report", "estimates"))
    facts = given.get("facts", {})
    if not isinstance(facts, dict):
        errors.append(ErrorItem("facts", _kind(facts), "an object of names and values"))
    edition = given.get("edition")
    if edition is not None and not isinstance(edition, str):
        errors.append(ErrorItem("edition", _kind(edition), "text"))
    report = _record(given.get("report"), "report", LintReport, errors)
    estimates = _record(given.get("estimates"), "estimates", list[Estimate], errors)
    _require(errors)
    return advise(facts, rules=ground.rules, edition=edition, report=report, estimates=estimates or ())


def _lint(ground: Ground, given: dict[str, Any]) -> LintReport:
    sources = ("text", "paths") if ground.files else ("text",)
    errors = []
    held = [name for name in sources if name in given]
    if len(held) != 1:
        errors.append(ErrorItem(" or ".join(sources), f"{len(held)} of them", "exactly one"))
    if "text" in held and not isinstance(given["text"], str):
        errors.append(ErrorItem("text", _kind(given["text"]), "text, one JSON object per line"))
    if "paths" in held and not _are_paths(given["paths"]):
        errors.append(ErrorItem("paths", _kind(given["paths"]), "a list of paths, at least one"))
    request = None
    try:
        query = [(name, _word(value)) for name, value in given.items() if name not in held]
        request = lint_request(query, ground.rules, privacy=tables_of(ground.settings.privacy_settings))
    except TuneGateError as error:
        errors += error.errors
        if not error.errors:
            raise
    _require(errors)
    assert request is not None
    privacy = msgspec.structs.replace(request.privacy, home=ground.settings.home)
    request = msgspec.structs.replace(request, privacy=privacy)
    if "paths" in held:
        inputs = [LintInput(Path(one), one) for one in given["paths"]]
        request = msgspec.structs.replace(request, inputs=inputs, parquet=True)
        return lint(request, rules=ground.rules)
    data = given["text"].encode("utf-8", "surrogatepass")
    stop = threading.Event()
    if ground.workers is not None and len(data) >= LARGE_BYTES:
        return ground.workers.run(_linted, data, request, stop=stop)
    return _linted(data, request, ground.rules, stop)


def _linted(data: bytes, request: LintRequest, rules: RuleFiles, stop: threading.Event) -> LintReport:
    del stop
    return lint(request, rules=rules, stdin=io.BytesIO(data))


def _estimate(ground: Ground, given: dict[str, Any]) -> Estimate | EstimateSet:
    errors: list[ErrorItem] = []
    report = _record(given.get("report"), "report", LintReport, errors)
    try:
        inputs = read_inputs({name: value for name, value in given.items() if name != "report"})
    except TuneGateError as error:
        errors += error.errors
        if not error.errors:
            raise
    _require(errors)
    return answer(estimate(inputs, rules=ground.rules, settings=ground.settings, report=report))


def _explain(ground: Ground, given: dict[str, Any]) -> Page:
    errors = _unknown(given, ("id",))
    if not isinstance(given.get("id"), str):
        errors.append(ErrorItem("id", _kind(given.get("id")), "the id to explain"))
    _require(errors)
    return page(ground.rules, given["id"])


def _unknown(given: Mapping[str, Any], known: tuple[str, ...]) -> list[ErrorItem]:
    return [
        ErrorItem(name[:_SHOWN], "an unknown argument", ", ".join(known), suggestion(name[:_SHOWN], known) or None)
        for name in given
        if name not in known
    ]


def _record(value: Any, where: str, kind: Any, errors: list[ErrorItem]) -> Any:
    """A record that another tool gave; the message of a failed conversion names places, never values."""
    if value is None:
        return None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        place = str(error).rpartition(" - at ")[2].strip("`")
        errors.append(ErrorItem(f"{where}{place.removeprefix('$')}"[:_SHOWN], "something else", "the record as it was"))
        return None


def _word(value: Any) -> str:
    """A value as a query has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _are_paths(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a value of kind {type(value).__name__}"


def _require(errors: list[ErrorItem]) -> None:
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} argument(s) cannot be used.", errors=errors)
