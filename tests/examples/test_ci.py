"""What CI services run: their files are parsed, and the very commands in them are run here."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
import yaml

from service.cli.lint import command as lint_command

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "examples" / "ci"
DESK = ROOT / "examples" / "library-desk"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
PIPELINE = yaml.safe_load((CI / "azure-pipelines.yml").read_text())
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A project with a clean and a flawed file, and `tunegate` on the path."""
    (tmp_path / "data").mkdir()
    for name in ("train.jsonl", "flawed.jsonl"):
        (tmp_path / "data" / name).write_bytes((DESK / name).read_bytes())
    tunegate = tmp_path / "bin" / "tunegate"
    tunegate.parent.mkdir()
    tunegate.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {sys.executable} -m service "$@"\n')
    tunegate.chmod(0o755)
    return tmp_path


def bash(script: str, workplace: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As both services run a bash step, with nothing but the step's own environment."""
    variables = {"PATH": f"{workplace / 'bin'}:{os.environ['PATH']}", "HOME": str(workplace), **environment}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=workplace, env=variables, capture_output=True, text=True,
    )  # fmt: skip


def github(workplace: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    (step,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "lint"]
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()} | inputs
    values = {f"inputs.{name}": value for name, value in given.items()}
    files = {"GITHUB_OUTPUT": str(workplace / "output"), "GITHUB_STEP_SUMMARY": str(workplace / "summary.md")}
    return bash(step["run"], workplace, **filled(step["env"], values), **files)


def azure(workplace: Path, **given: str) -> subprocess.CompletedProcess[str]:
    (step,) = [step for step in PIPELINE["steps"] if step.get("displayName", "").startswith("Lint")]
    values = {f"parameters.{one['name']}": str(one.get("default", "")) for one in PIPELINE["parameters"]}
    values |= {f"parameters.{name}": value for name, value in given.items()}
    environment = filled(step["env"], values)
    environment["RESULTS"] = environment["RESULTS"].replace("$(Build.ArtifactStagingDirectory)", str(workplace))
    return bash(step["bash"], workplace, **environment)


def filled(environment: dict[str, str], values: dict[str, str]) -> dict[str, str]:
    """${{ name }} replaced, as the services do before a step starts."""
    return {key: re.sub(r"\$\{\{ (.*?) \}\}", lambda m: values[m[1]], text) for key, text in environment.items()}


def test_the_action_annotates_and_writes_sarif_and_a_summary(workplace: Path) -> None:
    done = github(workplace, files="data/flawed.jsonl", target="local")
    assert done.returncode == 1, done.stderr
    assert "::error file=data/flawed.jsonl,line=5,title=R030::" in done.stdout
    assert json.loads((workplace / "tunegate.sarif").read_text())["version"] == "2.1.0"
    assert "## tunegate lint: fail" in (workplace / "summary.md").read_text()
    assert (workplace / "output").read_text() == "sarif=tunegate.sarif\n"


def test_the_action_takes_patterns_options_and_a_configured_target(workplace: Path) -> None:
    (workplace / "tunegate.toml").write_text('target = "local"\n')
    done = github(workplace, files="data/t*.jsonl data/train.jsonl", args="--ignore Q,X --max-findings 0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass: 480 rows for local" in done.stdout


def test_the_action_fails_where_there_is_nothing_to_lint(workplace: Path) -> None:
    done = github(workplace, files="data/none*.jsonl", target="local")
    assert done.returncode == 2
    assert "No such file" in done.stderr


@pytest.mark.parametrize("run", [github, azure])
def test_what_a_stranger_names_is_never_run(run: Any, workplace: Path) -> None:
    for part in ("files", "target", "args"):
        given = {"files": "data/train.jsonl", "target": "local"} | {part: "$(touch run);touch run;`touch run`"}
        assert run(workplace, **given).returncode != 0
    assert not (workplace / "run").exists()


def test_no_script_has_text_of_others_put_into_it() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    scripts += [step["bash"] for step in PIPELINE["steps"] if "bash" in step]
    assert len(scripts) == 4
    assert not [script for script in scripts if "${{" in script or "$(" in script]


def test_the_pipeline_logs_issues_and_writes_what_it_publishes(workplace: Path) -> None:
    done = azure(workplace, files="data/flawed.jsonl", target="local")
    assert done.returncode == 1, done.stderr
    assert "##vso[task.logissue type=error;sourcepath=data/flawed.jsonl;linenumber=5;code=R030;]" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("##vso[task.complete result=Failed;]")
    (publish,) = [step for step in PIPELINE["steps"] if step.get("task", "").startswith("PublishTestResults")]
    results = publish["inputs"]["testResultsFiles"].replace("$(Build.ArtifactStagingDirectory)", str(workplace))
    assert ET.parse(results).getroot().attrib["failures"] == "11"
    assert (workplace / "tunegate.sarif").exists()
    assert (workplace / "tunegate.html").exists()


def test_the_pipeline_passes_clean_data(workplace: Path) -> None:
    done = azure(workplace, files="data/train.jsonl", target="local", args="--ignore X")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "##vso" not in done.stdout


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    workflow = yaml.safe_load((CI / "github-actions.yml").read_text())
    steps = workflow["jobs"]["lint"]["steps"]
    (lint,) = [step for step in steps if "/tunegate@" in step.get("uses", "")]
    (upload,) = [step for step in steps if "upload-sarif" in step.get("uses", "")]
    required = {name for name, one in ACTION["inputs"].items() if one.get("required")}
    assert required <= set(lint["with"]) <= set(ACTION["inputs"])
    assert upload["with"]["sarif_file"] == f"${{{{ steps.{lint['id']}.outputs.{next(iter(ACTION['outputs']))} }}}}"


def test_the_gitlab_job_leaves_the_reports_it_names(workplace: Path) -> None:
    (job,) = yaml.safe_load((CI / "gitlab-ci.yml").read_text()).values()
    variables = job["variables"] | {"FILES": "data/flawed.jsonl data/train.jsonl", "TARGET": "local"}
    done = bash("\n".join(job["script"]), workplace, **variables)
    assert done.returncode == 1, done.stderr
    suites = ET.parse(workplace / job["artifacts"]["reports"]["junit"]).getroot()
    assert [suite.attrib["name"] for suite in suites] == ["data/flawed.jsonl", "data/train.jsonl"]
    assert [(workplace / path).exists() for path in job["artifacts"]["paths"]] == [True]


def test_the_hook_lints_all_changed_files_at_once_with_the_configured_target(workplace: Path) -> None:
    (workplace / "pyproject.toml").write_text('[tool.tunegate]\ntarget = "local"\nselect = ["Q001", "R030"]\n')
    (workplace / "data" / "copy.jsonl").write_bytes((DESK / "train.jsonl").read_bytes())
    changed = ["data/copy.jsonl", "data/flawed.jsonl", "data/train.jsonl", "README.md", "data/jsonl.txt"]
    passed = [name for name in changed if re.search(HOOK["files"], name)]
    assert passed == changed[:3]
    done = bash(shlex.join([*HOOK["entry"].split(), *passed]), workplace)
    assert done.returncode == 1, done.stderr
    assert "data/flawed.jsonl:5 /messages/2/weight" in done.stdout
    # a row that stands in two files is seen only when they are linted together, in one process
    assert "warning Q001" in done.stdout
    assert HOOK["require_serial"] is True


def test_the_files_name_only_options_that_there_are() -> None:
    known = {name for option in lint_command.params if isinstance(option, click.Option) for name in option.opts}
    for name in ("action.yml", ".pre-commit-hooks.yaml", *(f"examples/ci/{file.name}" for file in CI.iterdir())):
        used = re.findall(r"(?<=\s)--[a-z-]+", (ROOT / name).read_text().replace("--quiet", ""))
        assert set(used) <= known, name
