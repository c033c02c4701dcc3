"""What templates accept, as transformers would render them; and a hostile template harms nothing."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.lint.templates import rendering
from service.lint.templates.behaviour import (
    PROBES,
    behaviour,
    conversation,
    probed,
    refusals,
)
from service.lint.templates.reading import read_template

FAMILIES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("templates.toml").read_text())
TOKENS = {"bos_token": "<s>", "eos_token": {"content": "</s>", "special": True}, "pad_token": None}
PLACES = (
    "tokenizer_config.json", "chat_template.jinja", "chat_template.json", "additional_chat_templates/default.jinja"
)  # fmt: skip
# each would hang, fill the memory or reach for the system if it were rendered here
HOSTILE = {
    "endless": "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3,
    "huge number": "{{ 9 ** 9 ** 9 ** 9 }}",
    "huge text": "{{ 'x' * 30000000000 }}",
    "padded text": "{{ '%30000000000d' % 1 }}{{ 'x'.ljust(30000000000) }}",
    "doubled text": "{% set n = namespace(t='x') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
    "long output": "{% for i in range(99999) %}{{ 'spam ' * 1000 }}{% endfor %}",
    "deep macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "deep syntax": "{{ " + "(" * 20_000 + ")" * 20_000 + " }}",
    "attributes": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ raise_exception.__globals__['sys'].exit(0) }}{{ cycler.__init__.__globals__.os.system('true') }}",
    "format": "{{ '{0.__class__.__mro__}'.format(messages) }}",
    "not closed": "{% for message in messages %}",
    "unknown tag": "{% include '/etc/passwd' %}",
}  # fmt: skip


def folder(tmp_path: Path, template: Any, name: str = "tokenizer_config.json") -> Path:
    config = tmp_path / "tokenizer_config.json"
    if not config.exists():
        config.write_text(json.dumps(TOKENS))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    written = template if name.endswith(".jinja") else json.dumps(TOKENS | {"chat_template": template})
    (tmp_path / name).write_text(written)
    return tmp_path


@pytest.mark.parametrize("family", FAMILIES)
def test_a_template_is_asked_what_it_accepts(tmp_path: Path, family: str) -> None:
    found = behaviour(folder(tmp_path, FAMILIES[family]["text"]))
    assert found is not None
    assert found.problem is None
    expected = {key: value for key, value in FAMILIES[family].items() if key != "text"}
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_a_template_is_rendered_as_transformers_renders_it(tmp_path: Path, family: str) -> None:
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    # the date is held still here, so it is held still there
    text = FAMILIES[family]["text"].replace("strftime_now('%d %b %Y')", "'26 Jul 2024'")
    template = read_template(folder(tmp_path, FAMILIES[family]["text"]))
    assert template is not None
    for probe, found in probed(template).items():
        try:
            theirs, _ = render_jinja_template([conversation(probe)], chat_template=text, **dict(template.tokens))
        except TemplateError:
            theirs = [None]
        assert theirs == [found], probe


def test_a_folder_without_a_template_has_no_behaviour(tmp_path: Path) -> None:
    assert refusals(tmp_path) is None
    assert behaviour(folder(tmp_path, None)) is None
    assert behaviour(tmp_path / "nowhere") is None


@pytest.mark.parametrize("place", PLACES)
def test_a_template_is_found_wherever_transformers_keeps_it(tmp_path: Path, place: str) -> None:
    assert "turns" in (refusals(folder(tmp_path, FAMILIES["instructions"]["text"], place)) or ())


def test_a_template_file_wins_over_the_config(tmp_path: Path) -> None:
    folder(tmp_path, FAMILIES["turns-without-system"]["text"])
    folder(tmp_path, FAMILIES["chatml"]["text"], "chat_template.jinja")
    assert refusals(tmp_path) == frozenset()


def test_of_named_templates_the_default_one_is_asked(tmp_path: Path) -> None:
    named = [
        {"name": "tool_use", "template": FAMILIES["chatml"]["text"]},
        {"name": "default", "template": FAMILIES["turns-without-system"]["text"]},
    ]
    everything = frozenset(["turns", "assistant-first", "late-system", "several-systems"])
    assert refusals(folder(tmp_path, named)) == everything


@pytest.mark.parametrize("content", [b"\xff\xfe{", b"[" * 100_000, b'{"chat_template": 7}', b"[]", b""])
def test_a_broken_config_holds_no_template(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer_config.json").write_bytes(content)
    assert behaviour(tmp_path) is None


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_template_says_nothing_and_harms_nothing(tmp_path: Path, what: str) -> None:
    found = behaviour(folder(tmp_path, HOSTILE[what]))
    assert found is not None
    assert found.problem
    assert found.must_alternate is None
    assert refusals(tmp_path) is None


def test_one_hostile_turn_does_not_hide_the_others(tmp_path: Path) -> None:
    bomb = "{% if messages | length > 3 %}{{ 'x' * 30000000000 }}{% endif %}" + FAMILIES["chatml"]["text"]
    template = read_template(folder(tmp_path, bomb))
    assert template is not None
    assert {probe for probe, text in probed(template).items() if text is None} == {p for p in PROBES if len(p) > 3}


def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(rendering, "_PROCESS", hanging)
    monkeypatch.setattr(rendering, "_SECONDS", 0.2)
    found = behaviour(folder(tmp_path, "{{ 'asked of the hanging one' }}"))
    assert found is not None
    assert found.problem == "it ran longer than 0.2 s"


def test_secrets_of_the_surroundings_do_not_reach_the_template_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEGATE_API_KEY", "not-for-templates")
    probe = tmp_path / "probe.py"
    probe.write_text("import json, os\nprint(json.dumps({'problem': ' '.join(os.environ)}))\n")
    monkeypatch.setattr(rendering, "_PROCESS", probe)
    found = behaviour(folder(tmp_path, "{{ 'asked only here' }}"))
    assert found is not None
    assert "PATH" in str(found.problem)
    assert "TUNEGATE_API_KEY" not in str(found.problem)
