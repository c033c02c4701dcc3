"""lint, rendered: the same report as text, page, comment, annotations, SARIF or JUnit."""

from __future__ import annotations

from collections.abc import Callable

from service.lint.outputs.annotations import azure_devops, github
from service.lint.outputs.markdown import markdown
from service.lint.outputs.sarif import sarif
from service.lint.outputs.text import text
from service.records.lint_report import LintReport


def _junit(report: LintReport) -> str:
    from service.lint.outputs.junit import junit

    return junit(report)


def _html(report: LintReport) -> str:
    from service.verbs.linting.page import html

    return html(report)


RENDERERS: dict[str, Callable[[LintReport], str]] = {
    "text": text,
    "sarif": sarif,
    "github": github,
    "azure-devops": azure_devops,
    "junit": _junit,
    "html": _html,
    "markdown": markdown,
}


def render(report: LintReport, format_: str, *, colour: bool = False, rule_pages: str = "") -> str:
    """The report in one of RENDERERS.

    `colour` is for a terminal that shows it; `rule_pages` is the address that rule ids are appended to where a
    service shows their pages.
    """
    if format_ == "text":
        return text(report, colour=colour)
    if format_ == "sarif":
        return sarif(report, rule_pages=rule_pages)
    return RENDERERS[format_](report)
