"""Finds the checks, and turns their documentation into pages for `tunegate explain`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache

import service.lint.checks as checks_package
from service.lint.check import Check

HEADINGS = ("What it finds", "Why it matters", "Example", "Instead", "Fix safety", "References")


@cache
def modules_by_code() -> dict[str, str]:
    """Code -> module name of every check, sorted by code."""
    found: dict[str, str] = {}
    for module in pkgutil.walk_packages(checks_package.__path__, f"{checks_package.__name__}."):
        if module.ispkg:
            continue
        check = importlib.import_module(module.name).CHECK
        if check.code in found:
            raise RuntimeError(f"{check.code} is the code of both {found[check.code]} and {module.name}")
        found[check.code] = module.name
    return dict(sorted(found.items()))


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by code."""
    return tuple(importlib.import_module(name).CHECK for name in modules_by_code().values())


def rule_ids() -> list[str]:
    """Every code."""
    return list(modules_by_code())


def documentation(code: str) -> tuple[str, dict[str, str]]:
    """(title, heading -> text) of a check.

    Raises:
        KeyError: for an unknown code.
    """
    text = importlib.import_module(modules_by_code()[code]).__doc__ or ""
    title, _, body = text.partition("\n")
    parts = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    sections = {heading.strip(): part.strip() for heading, part in zip(parts[1::2], parts[2::2], strict=True)}
    return title.strip(), sections


def title_of(code: str) -> str:
    """The title without the code, as tools show it."""
    return documentation(code)[0].removeprefix(code).strip().rstrip(".")


def explain(code: str) -> str | None:
    """A Markdown page: what, why, example, instead, fix, sources, severity per target; None if unknown."""
    if code not in modules_by_code():
        return None
    title, sections = documentation(code)
    check: Check = importlib.import_module(modules_by_code()[code]).CHECK
    letters = {"E": "error", "W": "warning", "I": "info", "-": "off"}
    columns = ("azure-openai", "openai", "azure-serverless", "trl")
    severities = ", ".join(f"{name} {letters[one]}" for name, one in zip(columns, check.severity, strict=True))
    lines = [f"# {title}", ""]
    for heading in HEADINGS:
        text = sections[heading]
        lines += [f"## {heading}", f"```json\n{text}\n```" if heading in {"Example", "Instead"} else text, ""]
    return "\n".join([*lines, "## Severity", severities, ""])
