"""A profile of one's own: it works on the command line, tells all its mistakes, and changes the report's id."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import service.lint.checks as checks_package
from service.cli.app import run
from service.data import rule_files
from service.errors import TuneGateError
from service.lint.own_profile import with_own_profile
from service.lint.profile import Profile, load_profile, load_profiles

RULES = rule_files()
ROW = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Hello."},
    ]
}
# more tokens than qwen's 8192, fewer than everybody's 65536
LONG = {"role": "assistant", "content": "One word more. " * 3_000}


def profile(tmp_path: Path, text: str, name: str = "house.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def loaded(path: Path) -> Profile:
    target, rules = with_own_profile(path, RULES)
    return load_profile(target, rules)


def test_a_profile_extends_a_target_and_changes_what_it_says(tmp_path: Path) -> None:
    own = loaded(profile(tmp_path, 'extends = "openai"\n[limits]\nmin_examples = 3\n[severity]\nR015 = "error"\n'))
    assert (own.id, own.column, own.aliases) == ("house", "openai", [])
    assert own.limit_values()["min_examples"] == 3
    assert own.limit_values()["max_tokens_per_example"] == 65_536
    assert own.severity["R015"] == "error"


def test_a_limit_without_a_source_says_that_it_is_unverified(tmp_path: Path) -> None:
    text = """
extends = "trl"
id = "house"
[limits]
max_tokens_per_example = 4096
max_messages = { value = 20, source = "our trainer's page", read_on = "2026-11-01" }
[models."phi-4"]
max_tokens_per_example = { value = 8192 }
"""
    own = loaded(profile(tmp_path, text))
    assert own.unverified == ["max_tokens_per_example"]
    assert "unverified" in own.limits["max_tokens_per_example"].source
    assert own.limit_values("phi-4-mini")["max_tokens_per_example"] == 8192


def test_the_limits_of_a_model_are_laid_over_the_parents_one_by_one(tmp_path: Path) -> None:
    text = """
extends = "azure-openai"
[models."gpt-4.1-nano"]
max_tokens_per_example = 1000
[models."GPT-4.1-nano-2025"]
max_messages = 7
"""
    own, parent = loaded(profile(tmp_path, text)), load_profile("azure-openai", RULES)
    for model in ("gpt-4o", "gpt-4.1", "o4-mini", "phi-4"):
        assert own.limit_values(model) == parent.limit_values(model)
    nano = parent.limit_values("gpt-4.1-nano") | {"max_tokens_per_example": 1000}
    assert own.limit_values("gpt-4.1-nano") == nano
    assert own.limit_values("gpt-4.1-nano-2025-04-14") == nano | {"max_messages": 7}


def test_a_report_reads_the_parents_limit_of_a_model_that_the_child_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps(ROW | {"messages": [*ROW["messages"][:2], LONG]}) + "\n")
    own = profile(tmp_path, 'extends = "azure-openai"\n[models."qwen"]\nmax_messages = 50\n')
    run(["lint", str(tmp_path / "data.jsonl"), "--target", str(own), "--model", "qwen-3-32b", "--format", "json"])
    assert "L010" in json.loads(capsys.readouterr().out)["counts"]


def test_every_mistake_is_told_at_once_and_nothing_is_guessed(tmp_path: Path) -> None:
    text = """
id = "My House"
extends = "opnai"
colour = "red"
arguments = "text"
strict-alternation = "yes"
[limits]
max_tokens = 10
max_messages = 0
max_tools = "many"
min_examples = { value = 3, from = "memory" }
[severity]
R0155 = "error"
R015 = "eror"
"""
    with pytest.raises(TuneGateError) as raised:
        with_own_profile(profile(tmp_path, text), RULES)
    places = {item.where.partition(": ")[2] for item in raised.value.errors}
    assert raised.value.code == "invalid_input"
    assert places == {
        "id", "extends", "colour", "arguments", "strict-alternation", "limits.max_tokens", "limits.max_messages",
        "limits.max_tools", "limits.min_examples", "severity.R0155", "severity.R015",
    }  # fmt: skip
    said = {item.where.partition(": ")[2]: item.remedy for item in raised.value.errors}
    assert said["extends"] == "Did you mean 'openai'?"
    assert said["severity.R015"] == "Did you mean 'error'?"


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ('extends = "trl"', "openai.toml", "id"),
        ('extends = "trl"\nid = "azure-ml"', "house.toml", "id"),
        ('id = "house"', "house.toml", "title"),
        ('title = "Ours"\ncolumn = "mine"', "house.toml", "column"),
        ('extends = "trl"\nlimits = 3', "house.toml", "limits"),
        ('extends = "trl"\nextra = 1', "house.toml", "extra"),
        ("extends = 3", "house.toml", "extends"),
        ('extends = "trl"\nid = 4', "house.toml", "id"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_has_its_place(text: str, name: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(TuneGateError) as raised:
        with_own_profile(profile(tmp_path, text, name), RULES)
    assert place in {item.where.partition(": ")[2] for item in raised.value.errors}


@pytest.mark.parametrize(("text", "code"), [("a = ", "invalid_input"), (None, "unreadable_path")])
def test_a_file_that_cannot_be_read_is_unusable_input(text: str | None, code: str, tmp_path: Path) -> None:
    path = profile(tmp_path, text) if text is not None else tmp_path / "none.toml"
    with pytest.raises(TuneGateError) as raised:
        with_own_profile(path, RULES)
    assert (raised.value.code, raised.value.exit_code) == (code, 2)


def test_a_profile_in_a_rules_folder_may_not_extend_itself_or_nothing() -> None:
    for text, said in (('extends = "loop"', "which extends it"), ('extends = "opnai"', "no such profile")):
        with pytest.raises(TuneGateError) as raised:
            load_profiles(RULES.overlaid({"profiles/loop.toml": text.encode()}))
        assert said in raised.value.detail
        assert raised.value.code == "invalid_rules"


def test_every_limit_that_a_check_reads_can_be_given() -> None:
    folder = Path(str(checks_package.__file__)).parent
    read = {name for path in folder.rglob("*.py") for name in re.findall(r'limits\.get\("(\w+)"', path.read_text())}
    profiles = load_profiles(RULES)
    known = {name for one in profiles for table in (one.limits, *one.models.values()) for name in table}
    assert read <= known


def test_the_command_line_takes_a_profile_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text(json.dumps(ROW) + "\n")
    path = profile(tmp_path, 'extends = "local"\n[severity]\nL002 = "info"\n')
    lint = ["lint", str(data), "--target", str(path), "--format", "json"]
    assert run(lint) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["target"] == "house"
    path.write_text(path.read_text() + 'X004 = "error"\n')
    assert run(lint) == 1
    second = json.loads(capsys.readouterr().out)
    assert first["id"] != second["id"]
    path.write_text('extends = "local"\nlimit = 3\n')
    assert run(lint) == 2
    problem = capsys.readouterr()
    assert problem.out == ""
    assert "limits" in problem.err


def test_a_shape_that_no_shipped_target_reads_can_be_read_by_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "tags.jsonl"
    data.write_text('{"tokens": ["in", "Oslo"], "ner_tags": ["O", "B-LOC"]}\n')
    path = profile(tmp_path, 'extends = "trl"\n[severity]\nF028 = "off"\n', "tagger.toml")
    assert run(["lint", str(data), "--target", str(path)]) == 0, capsys.readouterr().out
    assert run(["lint", str(data), "--target", "trl"]) == 1


def test_a_report_names_the_limits_that_nobody_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps(ROW) + "\n")
    own = profile(tmp_path, 'extends = "trl"\n[limits]\nmax_messages = 20\nmin_examples = 1\n')
    said = {}
    for target in (str(own), "trl"):
        run(["lint", str(tmp_path / "data.jsonl"), "--target", target, "--format", "json"])
        report = json.loads(capsys.readouterr().out)
        said[target] = [one["why"] for one in report["not_scanned"] if one["what"] == "limits that nobody verified"]
    assert said == {str(own): ["max_messages, min_examples"], "trl": []}
