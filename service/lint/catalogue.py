"""Finds the checks, and turns their documentation into pages for `tunegate explain`."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import msgspec

import service.lint.checks as checks_package
from service.lint.check import Check, Refusal, Sign

INDEX = "checks/index.json"
_REFUSALS: dict[Refusal, str] = {
    "turns": "the profile, or the model's chat template, has roles take turns",
    "assistant-first": "the profile has roles take turns, or the model's chat template refuses such a beginning",
    "late-system": "the model's chat template refuses such a message or leaves it out",
    "several-systems": "the model's chat template refuses a second one or leaves it out",
}
HEADINGS = ("What it finds", "Why it matters", "Example", "Instead", "Fix safety", "References")


class Entry(msgspec.Struct, frozen=True):
    """What must be known of a check before it is asked."""

    code: str
    module: str
    scope: str
    severity: str
    methods: tuple[str, ...]
    reads: tuple[str, ...]
    needs: tuple[Sign, ...] = ()
    between_rows: bool = False
    refused: Refusal | None = None

    def may_find(self, signs: frozenset[str]) -> bool:
        """Whether the check may find something where these signs, families of texts among them, are all there is."""
        return not (self.needs or self.reads) or not signs.isdisjoint((*self.needs, *self.reads))


@cache
def entries() -> dict[str, Entry]:
    """Code -> entry of every check, sorted by code.

    Read from a file that `make regen` writes, because to import two hundred modules takes longer than to lint a file.
    """
    found = msgspec.json.decode((Path(__file__).parent / INDEX).read_bytes(), type=list[Entry])
    return {entry.code: entry for entry in found}


def indexed() -> list[Entry]:
    """The entries by the modules themselves, for `make regen`.

    Raises:
        RuntimeError: two modules have one code.
    """
    import pkgutil

    found: dict[str, Entry] = {}
    for module in pkgutil.walk_packages(checks_package.__path__, f"{checks_package.__name__}."):
        if module.ispkg:
            continue
        one: Check = importlib.import_module(module.name).CHECK
        if one.code in found:
            raise RuntimeError(f"{one.code} is the code of both {found[one.code].module} and {module.name}")
        found[one.code] = Entry(
            one.code,
            module.name,
            one.scope,
            one.severity,
            one.methods,
            one.reads,
            one.needs,
            between_rows=one.between_rows is not None,
            refused=one.refused,
        )
    return [found[code] for code in sorted(found)]


def check_of(code: str) -> Check:
    """The check of a code.

    Raises:
        KeyError: for an unknown code.
    """
    found: Check = importlib.import_module(entries()[code].module).CHECK
    return found


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by code."""
    return tuple(check_of(code) for code in entries())


def rule_ids() -> list[str]:
    """Every code."""
    return list(entries())


def documentation(code: str) -> tuple[str, dict[str, str]]:
    """(title, heading -> text) of a check.

    Raises:
        KeyError: for an unknown code.
    """
    text = importlib.import_module(entries()[code].module).__doc__ or ""
    title, _, body = text.partition("\n")
    parts = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    sections = {heading.strip(): part.strip() for heading, part in zip(parts[1::2], parts[2::2], strict=True)}
    return title.strip(), sections


def title_of(code: str) -> str:
    """The title without the code, as tools show it."""
    return documentation(code)[0].removeprefix(code).strip().rstrip(".")


def explain(code: str) -> str | None:
    """A Markdown page: what, why, example, instead, fix, sources, severity per target; None if unknown."""
    if code not in entries():
        return None
    title, sections = documentation(code)
    letters = {"E": "error", "W": "warning", "I": "info", "-": "off"}
    columns = ("azure-openai", "openai", "azure-serverless", "trl")
    entry = entries()[code]
    counted = zip(columns, entry.severity, strict=True)
    severities = ", ".join(f"{name} {letters[one]}" for name, one in counted)
    if entry.refused is not None:
        severities += f"; error where {_REFUSALS[entry.refused]}"
    lines = [f"# {title}", ""]
    for heading in HEADINGS:
        text = sections[heading]
        lines += [f"## {heading}", f"```json\n{text}\n```" if heading in {"Example", "Instead"} else text, ""]
    return "\n".join([*lines, "## Severity", severities, ""])
