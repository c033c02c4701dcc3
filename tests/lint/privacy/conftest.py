"""Reports of a lint run that looks for personal data, with one folder for what all of them keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.data import rule_files
from service.records.lint_report import LintReport
from service.settings import load_settings
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.privacy import PrivacyRequest

Report = Callable[..., LintReport]


@pytest.fixture
def home() -> Path:
    """The folder of all tests, for what a user keeps."""
    return load_settings().home


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """The report on rows (any JSON), as one file; `privacy` are fields of PrivacyRequest, the rest of LintRequest."""

    def made(rows: list[Any], *, privacy: dict[str, Any] | None = None, **asked: Any) -> LintReport:
        path = tmp_path / "data.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        request = LintRequest(
            inputs=[LintInput(path, path.name)], target="openai", tokens="off", max_findings=0,
            privacy=msgspec.structs.replace(PrivacyRequest(mode="patterns"), **(privacy or {})),
        )  # fmt: skip
        return lint(msgspec.structs.replace(request, **asked), rules=rule_files())

    return made
