"""lint, rendered: the same report as text, annotations, Markdown or SARIF."""

from __future__ import annotations

from service.lint.outputs.sarif import sarif
from service.lint.outputs.text import github, markdown, text
from service.records.lint_report import LintReport

RENDERERS = {"text": text, "github": github, "markdown": markdown, "sarif": sarif}


def render(report: LintReport, format_: str) -> str:
    """The report in one of RENDERERS."""
    return RENDERERS[format_](report)
