"""Options of tunegate lint from the environment, tunegate.toml and pyproject.toml."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run

ROW = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Hello."},
    ]
}
Lint = Callable[..., dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with a data file of 30 equal rows, and the working directory two levels down."""
    deep = tmp_path / "data" / "deep"
    deep.mkdir(parents=True)
    (deep / "train.jsonl").write_text((json.dumps(ROW) + "\n") * 30)
    monkeypatch.chdir(deep)
    return tmp_path


@pytest.fixture
def report(project: Path, capsys: pytest.CaptureFixture[str]) -> Lint:
    """The report of a run without usage errors."""

    def lint(*arguments: str) -> dict[str, Any]:
        assert run(["lint", "train.jsonl", "--format", "json", *arguments]) in {0, 1}
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return lint


def test_an_option_beats_the_environment_beats_our_file_beats_pyproject(
    project: Path, report: Lint, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text('[tool.tunegate]\ntarget = "trl"\nmethod = "sft"\n')
    assert report()["target"] == "trl"
    (project / "data" / "tunegate.toml").write_text('target = "openai"\n')
    assert report()["target"] == "openai"
    monkeypatch.setenv("TUNEGATE_TARGET", "kaito")
    assert report()["target"] == "kaito"
    assert report("--target", "local")["target"] == "local"


def test_both_files_together_give_the_options(project: Path, report: Lint) -> None:
    (project / "pyproject.toml").write_text('[tool.tunegate]\ntarget = "openai"\nmax-findings = 3\nmodel = "gpt-4o"\n')
    (project / "tunegate.toml").write_text('select = ["Q001", "X"]\nignore = "X004"\n')
    found = report()
    assert (found["target"], found["model"], found["counts"], found["truncated"]) == (
        "openai", "gpt-4o", {"Q001": 29}, {"Q001": 26},
    )  # fmt: skip


def test_the_nearest_file_that_is_about_us_counts(project: Path, report: Lint) -> None:
    (project / "tunegate.toml").write_text('target = "openai"\nselect = "Q"\n')
    (project / "data" / "pyproject.toml").write_text("[tool.other]\nkey = 1\n")
    (project / "pyproject.toml").write_text('[tool.tunegate]\ntarget = "trl"\n')
    (project / "data" / "tunegate.toml").write_text('target = "local"\n')
    found = report()
    assert (found["target"], "L090" in found["counts"]) == ("local", True)


def test_a_path_is_relative_to_the_file_that_names_it(project: Path, report: Lint) -> None:
    (project / "held-out.jsonl").write_text(json.dumps(ROW) + "\n")
    (project / "tunegate.toml").write_text('target = "local"\nvalidation = "held-out.jsonl"\n')
    assert [(one["path"], one["role"]) for one in report()["files"]] == [
        ("train.jsonl", "train"),
        ("../../held-out.jsonl", "validation"),
    ]


def test_the_format_is_configured_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tunegate.toml").write_text('target = "local"\nformat = "github"\n')
    run(["lint", "train.jsonl"])
    assert capsys.readouterr().out.startswith("::")


def test_a_configured_validation_file_that_a_hook_passes_is_no_training_file(project: Path, report: Lint) -> None:
    other = {"messages": [*ROW["messages"][:1], {"role": "user", "content": "Yo?"}, ROW["messages"][2]]}
    Path("valid.jsonl").write_text(json.dumps(other) + "\n")
    (project / "tunegate.toml").write_text('target = "local"\nvalidation = "data/deep/valid.jsonl"\n')
    assert [one["role"] for one in report("valid.jsonl")["files"]] == ["train", "validation"]
    assert [one["role"] for one in report("valid.jsonl", "--validation", "valid.jsonl")["files"]] == [
        "train", "train", "validation",
    ]  # fmt: skip


def test_a_configured_validation_file_alone_is_checked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tunegate.toml").write_text('target = "local"\nvalidation = "data/deep/train.jsonl"\n')
    run(["lint", "train.jsonl", "--format", "json"])
    assert [one["role"] for one in json.loads(capsys.readouterr().out)["files"]] == ["train"]


def test_every_wrong_setting_is_named_with_its_file_and_the_nearest_key(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pyproject.toml").write_text('[tool.tunegate]\nmax_findings = 3\nmethod = ["sft"]\ntaget = "local"\n')
    (project / "tunegate.toml").write_text(
        'max-findings = -1\nformat = "yaml"\nselect = [1]\nmodel = true\noutput = "x"\nalso = ["json=x"]\n'
    )
    assert run(["lint", "train.jsonl", "--target", "local"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for words in (
        "9 wrong setting(s)",
        f"{project / 'pyproject.toml'}: max_findings; saw an unknown key",
        "Did you mean 'max-findings'?",
        f"{project / 'pyproject.toml'}: method; saw a list; allowed: a string",
        "taget", "Did you mean 'target'?",
        f"{project / 'tunegate.toml'}: max-findings; saw -1; allowed: a whole number from 0",
        "format; saw 'yaml'; allowed: text, json, sarif",
        "select; saw a list; allowed: a string, or a list of strings",
        "model; saw True; allowed: a string",
        "output; saw an unknown key",
        "also; saw an unknown key",
    ):  # fmt: skip
        assert words in captured.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tunegate.toml", b"target = \n", "tunegate.toml: not TOML"),
        ("tunegate.toml", b"\xff\xfe", "tunegate.toml: not TOML"),
        ("pyproject.toml", b"tool.tunegate = 3\n", "tool.tunegate is no table"),
        ("pyproject.toml", b"[tool.tunegate\n", "pyproject.toml: not TOML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    project: Path, name: str, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / name).write_bytes(content)
    assert run(["lint", "train.jsonl", "--target", "local"]) == 2
    assert said in capsys.readouterr().err


def test_help_is_shown_whatever_the_files_hold(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tunegate.toml").write_text("nonsense\n")
    assert run(["lint", "--help"]) == 0
    assert "--baseline" in capsys.readouterr().out


def test_a_broken_file_of_someone_else_is_none_of_our_business(project: Path, report: Lint) -> None:
    (project / "pyproject.toml").write_text("[tool.other\n")
    assert report("--target", "local")["target"] == "local"


def test_a_wrong_variable_is_named_beside_the_wrong_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tunegate.toml").write_text("maximum = 1\n")
    monkeypatch.setenv("TUNEGATE_MAX_FINDINGS", "many")
    monkeypatch.setenv("TUNEGATE_FORMAT", "")
    assert run(["lint", "train.jsonl", "--target", "local"]) == 2
    said = capsys.readouterr().err
    assert "2 wrong setting(s)" in said
    assert "TUNEGATE_MAX_FINDINGS; saw 'many'; allowed: a whole number from 0" in said


def test_a_working_directory_that_is_gone_has_no_configuration(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run(["lint", str(project / "data" / "deep" / "train.jsonl"), "--target", "local"]) == 1
    assert "30 rows for local" in capsys.readouterr().out


def test_where_an_answer_goes_is_never_taken_from_the_environment(
    project: Path, report: Lint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEGATE_OUTPUT", "elsewhere.json")
    monkeypatch.setenv("TUNEGATE_ALSO", "json=elsewhere.json")
    assert report("--target", "local")["target"] == "local"
    assert not Path("elsewhere.json").exists()
