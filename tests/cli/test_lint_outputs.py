"""tunegate lint's outputs from the outside: baseline, several formats at once, colour."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from service.cli.app import run

ROOT = Path(__file__).resolve().parents[2]
FLAWED = ROOT / "examples" / "library-desk" / "flawed.jsonl"
TARGET = ("--target", "local")


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "before.json"
    run(["lint", str(FLAWED), *TARGET, "--max-findings", "0", "--format", "json", "--output", str(path)])
    return path


def test_what_the_baseline_has_does_not_fail_and_is_counted(baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(FLAWED), *TARGET, "--baseline", str(baseline)]) == 0
    shown = capsys.readouterr().out
    assert "new: 0 errors, 0 warnings, 0 infos; 18 findings known from the baseline" in shown
    assert "R030 1" in shown


def test_a_new_error_fails_though_its_file_has_another_name_and_its_lines_moved(
    baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = FLAWED.read_text().splitlines()
    wrong = json.loads(rows[0])
    wrong["messages"][0]["weight"] = 1
    data = tmp_path / "renamed.jsonl"
    data.write_text("\n".join([json.dumps(wrong), *rows]) + "\n")
    assert run(["lint", str(data), *TARGET, "--baseline", str(baseline), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [(one["rule"], one["line"]) for one in report["findings"] if one["severity"] == "error"] == [("R031", 1)]
    assert report["summary"]["errors"] == 1
    assert report["known"]["R031"] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("{}", "not a LintReport record"), ("text", "not a LintReport record")],
)
def test_a_baseline_that_is_none_is_bad_usage(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "before.json"
    if content is not None:
        path.write_text(content)
    assert run(["lint", str(FLAWED), *TARGET, "--baseline", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_a_baseline_for_another_target_is_bad_usage(baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(FLAWED), "--target", "openai", "--baseline", str(baseline)]) == 2
    assert "baseline: target; saw local; allowed: openai" in capsys.readouterr().err


def test_one_run_writes_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"json": "a.json", "sarif": "a.sarif", "junit": "a.xml", "html": "a.html", "markdown": "a.md"}
    also = [part for name, file in names.items() for part in ("--also", f"{name}={tmp_path / file}")]
    assert run(["lint", str(FLAWED), *TARGET, *also, "--format", "azure-devops"]) == 1
    assert capsys.readouterr().out.startswith("##vso[task.logissue ")
    report = json.loads((tmp_path / "a.json").read_text())
    assert len(json.loads((tmp_path / "a.sarif").read_text())["runs"][0]["results"]) == len(report["findings"])
    assert ET.parse(tmp_path / "a.xml").getroot().attrib["failures"] == str(report["summary"]["errors"])
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert "tunegate lint: fail" in (tmp_path / "a.md").read_text()


def test_wrong_further_outputs_are_named_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ["--also", "yaml=a", "--also", "json", "--also", f"html={tmp_path / 'a.html'}"]
    assert run(["lint", str(FLAWED), *TARGET, *wrong]) == 2
    assert "'yaml=a', 'json'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_sarif_links_rules_to_the_service_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEGATE_URL", "https://tunegate.example/")
    run(["lint", str(FLAWED), *TARGET, "--format", "sarif"])
    rules = json.loads(capsys.readouterr().out)["runs"][0]["tool"]["driver"]["rules"]
    assert rules[0]["helpUri"] == f"https://tunegate.example/v1/rules/ids/{rules[0]['id']}"


def test_a_name_that_is_no_utf8_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.jsonl")
    Path(path).write_bytes(FLAWED.read_bytes())
    for name in ("text", "json", "sarif", "junit", "html", "github", "azure-devops", "markdown"):
        assert run(["lint", path, *TARGET, "--format", name]) == 1
        capsys.readouterr().out.encode()


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_it_wants_none(environment: dict[str, str], coloured: bool) -> None:
    assert (b"\x1b[31m" in on_a_terminal(environment)) is coloured


def test_a_pipe_and_a_file_get_no_colour(tmp_path: Path) -> None:
    done = subprocess.run(command(), capture_output=True, env=environ({}))
    assert b"\x1b" not in done.stdout
    on_a_terminal({}, "--output", str(tmp_path / "report.txt"))
    assert b"\x1b" not in (tmp_path / "report.txt").read_bytes()


def command() -> list[str]:
    return [sys.executable, "-m", "service", "lint", str(FLAWED), *TARGET]


def environ(changed: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", **changed}


def on_a_terminal(changed: dict[str, str], *arguments: str) -> bytes:
    """What a terminal is sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*command(), *arguments], stdout=theirs, env=environ(changed))
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux ends a terminal without a writer like this
            break
        if not part:
            break
        shown += part
    assert process.wait(120) == 1
    os.close(ours)
    return shown
