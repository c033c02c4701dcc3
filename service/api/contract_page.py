"""The contract as one HTML page that needs nothing else."""

from __future__ import annotations

from typing import Any

from service.verbs.rendering.pages import html_document


def contract_page(document: dict[str, Any]) -> str:
    """Every route with what it takes and answers, by tag; programs read /schema/openapi.json."""
    info = document["info"]
    lines = [f"# {info['title']} {info['version']}", "", info["description"], ""]
    lines.append("For programs: [JSON](/schema/openapi.json), [YAML](/schema/openapi.yaml).")
    for tag, operations in sorted(_by_tag(document["paths"]).items()):
        lines += ["", f"## {tag}"]
        for method, path, operation in operations:
            lines += ["", *_operation(method, path, operation)]
    return html_document(f"{info['title']} {info['version']}", "\n".join(lines) + "\n")


def _by_tag(paths: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in sorted(paths.items()):
        for method, operation in operations.items():
            found.setdefault((operation.get("tags") or ["others"])[0], []).append((method, path, operation))
    return found


def _operation(method: str, path: str, operation: dict[str, Any]) -> list[str]:
    lines = [f"### {method.upper()} `{path}`", "", _words(operation.get("description") or operation.get("summary"))]
    parameters = operation.get("parameters", [])
    if parameters:
        lines += ["", "| parameter | in | type | what |", "|---|---|---|---|"]
        lines += [
            f"| `{one['name']}`{' (required)' if one.get('required') else ''} | {one['in']} "
            f"| {_type(_schema_of(one))} | {_words(one.get('description'))} |"
            for one in parameters
        ]
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        lines += ["", f"Takes `{kind}`: {_type(body.get('schema', {}))}."]
    answers = [_answer(status, answer) for status, answer in sorted(operation["responses"].items())]
    return [*lines, "", f"Answers {'; '.join(answers)}."]


def _schema_of(parameter: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = parameter.get("schema") or next(
        (one.get("schema", {}) for one in parameter.get("content", {}).values()), {}
    )
    return found


def _answer(status: str, answer: dict[str, Any]) -> str:
    kinds = [f"`{kind}` {_type(one.get('schema', {}))}".strip() for kind, one in answer.get("content", {}).items()]
    return f"{status} {' or '.join(kinds)}".strip()


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(filter(None, map(_type, schema[several]))))
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return "" if kind == "null" else _words(schema.get("title") or kind if isinstance(kind, str) else " or ".join(kind))


def _words(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
