"""What CI services are told."""

from __future__ import annotations

from collections.abc import Callable

from service.lint.outputs.annotations import azure_devops, github
from service.records.lint_report import Finding, LintReport

Build = Callable[..., LintReport]
ERROR = Finding("R030", "error", "a,b:9%.jsonl", 3, 70, "/a;b]", "50% is\nno")
WARNING = Finding("Q001", "warning", "data.jsonl", 2, 0, None, "the same row as line 1")
INFO = Finding("X004", "info", "-", None, None, None, "no validation file")


def test_github_gets_errors_first_and_escaped(build: Build) -> None:
    assert github(build(INFO, WARNING, ERROR)).splitlines() == [
        "::error file=a%2Cb%3A9%25.jsonl,line=3,title=R030::/a;b] 50%25 is\ufffdno",
        "::warning file=data.jsonl,line=2,title=Q001::the same row as line 1",
        "::notice title=X004::no validation file",
        "fail: 10 rows for local, 1 error, 1 warning, 1 info",
    ]


def test_azure_gets_issues_escaped_and_a_failed_step(build: Build) -> None:
    assert azure_devops(build(INFO, WARNING, ERROR, more=2)).splitlines() == [
        "##vso[task.logissue type=error;sourcepath=a,b:9%AZP25.jsonl;linenumber=3;code=R030;]/a;b] 50%AZP25 is\ufffdno",
        "##vso[task.logissue type=warning;sourcepath=data.jsonl;linenumber=2;code=Q001;]the same row as line 1",
        "##[debug]-: X004 no validation file",
        "... and 2 more X004",
        "... and 2 more Q001",
        "... and 2 more R030",
        "fail: 10 rows for local, 1 error, 1 warning, 1 info",
        "##vso[task.complete result=Failed;]1 error, 1 warning, 1 info",
    ]


def test_warnings_alone_are_a_success_with_issues(build: Build) -> None:
    assert azure_devops(build(WARNING)).splitlines()[-1].startswith("##vso[task.complete result=SucceededWithIssues;]")


def test_a_clean_report_settles_nothing(build: Build) -> None:
    assert "##vso" not in azure_devops(build(INFO))
    assert "##vso" not in azure_devops(build())
