"""A rule whose rows a model's chat template refuses is an error with that model, and what it is elsewhere without."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.data import rule_files
from service.lint.catalogue import explain
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
FAMILIES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("templates.toml").read_text())
ROLES = {"s": "system", "u": "user", "a": "assistant"}
# rule -> a conversation in which it finds something
SHOWN = {"R013": "uasua", "R014": "ssua", "R015": "uua", "R016": "uaa", "R017": "aua"}
REFUSED = {
    "chatml": set[str](),
    "headers": set[str](),
    "one-system": {"R014"},
    "system-dropped": {"R013", "R014"},
    "instructions": set(SHOWN),
    "turns-without-system": set(SHOWN),
}


def report(tmp_path: Path, roles: str, template: str | None, target: str = "trl") -> LintReport:
    turns = [{"role": ROLES[letter], "content": f"Text {place}."} for place, letter in enumerate(roles)]
    path = tmp_path / "data.jsonl"
    path.write_bytes(msgspec.json.encode({"messages": turns}))
    if template is not None:
        (tmp_path / "chat_template.jinja").write_text(template)
        (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "<s>", "eos_token": "</s>"}')
    request = LintRequest(
        inputs=[LintInput(path, path.name)], target=target, tokens="off", model_folder=tmp_path if template else None
    )
    return lint(request, rules=RULES)


@pytest.mark.parametrize("rule", SHOWN)
@pytest.mark.parametrize("family", REFUSED)
def test_a_rule_is_an_error_where_the_template_refuses_its_rows(tmp_path: Path, family: str, rule: str) -> None:
    found = report(tmp_path, SHOWN[rule], FAMILIES[family]["text"])
    assert {one.severity for one in found.findings if one.rule == rule} == {
        "error" if rule in REFUSED[family] else "warning"
    }


@pytest.mark.parametrize("rule", SHOWN)
def test_without_a_usable_template_the_target_decides(tmp_path: Path, rule: str) -> None:
    asked = [report(tmp_path, SHOWN[rule], template) for template in (None, "{% for message in messages %}")]
    for found in asked:
        assert {one.severity for one in found.findings if one.rule == rule} == {"warning"}
    assert asked[0].id == asked[1].id


def test_what_a_template_refuses_is_part_of_the_id(tmp_path: Path) -> None:
    ids = {report(tmp_path, "ua", FAMILIES[family]["text"]).id for family in ("chatml", "one-system", "instructions")}
    assert len(ids) == 3


@pytest.mark.parametrize("rule", SHOWN)
def test_the_page_says_where_it_is_an_error(rule: str) -> None:
    assert "; error where the " in str(explain(rule)).rpartition("## Severity")[2]
