"""A failure is a problem object on stderr wherever the format was asked for, and stdout stays empty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.records.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
JSON = 'format = "json"\n'
BAD_ROW = b'{"messages": []}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data.jsonl").write_bytes(BAD_ROW)
    return tmp_path


def tunegate(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
    return subprocess.run(
        [sys.executable, "-m", "service", "lint", *arguments], cwd=folder, capture_output=True, text=True, timeout=60,
        env=environment | {"PYTHONPATH": str(ROOT)} | variables, check=False,
    )  # fmt: skip


def problem(done: subprocess.CompletedProcess[str]) -> Any:
    """The one object that stderr must be."""
    assert done.stdout == ""
    assert done.returncode == 2
    found = json.loads(done.stderr)
    # the id of a request belongs to the service
    assert set(found) == set(Problem.__struct_fields__) - {"request_id"}
    return found


FAILURES = {
    "no such file": (("none.jsonl", "--target", "local"), "unreadable_path"),
    "no such target": (("data.jsonl", "--target", "locl"), "invalid_input"),
    "no target": (("data.jsonl",), "usage"),
    "no such option": (("data.jsonl", "--tarrget", "local"), "usage"),
    "no argument": ((), "usage"),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("place", ["tunegate.toml", "pyproject.toml", "environment", "option"])
def test_a_failure_is_an_object_wherever_json_was_asked_for(project: Path, name: str, place: str) -> None:
    arguments, code = FAILURES[name]
    variables = {"TUNEGATE_FORMAT": "json"} if place == "environment" else {}
    if place == "option":
        arguments = (*arguments, "--format", "json")
    elif place != "environment":
        (project / place).write_text(JSON if place == "tunegate.toml" else f"[tool.tunegate]\n{JSON}")
    assert problem(tunegate(project, *arguments, **variables))["code"] == code


def test_what_is_wrong_with_the_configuration_is_an_object_too(project: Path) -> None:
    (project / "tunegate.toml").write_text(f"{JSON}max-findings = -1\ntaget = 1\n")
    found = problem(tunegate(project, "data.jsonl"))
    assert [one["where"].partition(": ")[2] for one in found["errors"]] == ["max-findings", "taget"]
    # of a file that cannot be read, nothing is known; the other one still counts
    (project / "tunegate.toml").write_text(JSON)
    (project / "pyproject.toml").write_text("[tool.tunegate\n")
    assert "not TOML" in problem(tunegate(project, "data.jsonl"))["detail"]


def test_the_last_option_beats_the_environment_beats_the_files(project: Path) -> None:
    (project / "pyproject.toml").write_text(f"[tool.tunegate]\n{JSON}")
    (project / "tunegate.toml").write_text('format = "sarif"\n')
    texts: list[tuple[tuple[str, ...], dict[str, str]]] = [
        ((), {}),
        ((), {"TUNEGATE_FORMAT": "text"}),
        (("--format", "json", "--format=text"), {"TUNEGATE_FORMAT": "json"}),
    ]
    for arguments, variables in texts:
        done = tunegate(project, "none.jsonl", "--target", "local", *arguments, **variables)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("tunegate: ")
    problem(tunegate(project, "none.jsonl", "--target", "local", "--format=text", "--format", "json"))


def test_a_verb_without_a_configuration_takes_none(project: Path) -> None:
    (project / "tunegate.toml").write_text(JSON)
    done = subprocess.run(
        [sys.executable, "-m", "service", "explain", "R9999"], cwd=project, capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.stderr.startswith("tunegate: ")


def test_a_report_that_fails_stays_on_stdout(project: Path) -> None:
    (project / "tunegate.toml").write_text(f'{JSON}target = "local"\n')
    done = tunegate(project, "data.jsonl")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["verdict"] == "fail"
