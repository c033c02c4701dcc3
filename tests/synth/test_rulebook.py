"""The rule files of synthesis: every id explains itself, and a broken own file is told."""

from __future__ import annotations

import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.synth.rulebook import REASONS, TEMPLATES, by_name, limits, reasons, templates
from service.verbs.explain import page

RULES = rule_files()


def test_every_id_has_a_page() -> None:
    ids = [*reasons(RULES), *(one.id for one in templates(RULES).template)]
    assert len(set(ids)) == len(ids)
    for one in ids:
        assert page(RULES, one.lower()).markdown.startswith(f"# {one} ")


def test_every_reason_that_code_names_is_in_the_file() -> None:
    named = {
        "empty", "invalid-json", "refused", "prompt-copied", "looping", "personal-data", "placeholder",
        "copied-passage", "near-copy", "near-duplicate", "personal-prompt",
    }  # fmt: skip
    assert named <= by_name(RULES).keys()
    assert {"SYN-210", "SYN-220", "SYN-230"} <= reasons(RULES).keys()
    assert all(value > 0 for value in limits(RULES).told().values())


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (TEMPLATES, b"SYT-020", b"SYT-010", "SYT-010 twice"),
        (TEMPLATES, b"{passage}", b"{passages}", "SYT-010: ask has no {passage}"),
        (TEMPLATES, b"[[template]]", b"[[templates]]", "templates"),
        (REASONS, b"remedy", b"remedies", "remed"),
    ],
)
def test_a_broken_own_file_is_told(name: str, old: bytes, new: bytes, said: str) -> None:
    own = RULES.overlaid({name: RULES.read(name).replace(old, new)})
    with pytest.raises(TuneGateError) as raised:
        (templates if name == TEMPLATES else reasons)(own)
    assert raised.value.code == "invalid_rules"
    assert said in raised.value.detail


def test_an_ask_that_is_there_twice_is_asked_once() -> None:
    twice = RULES.read(TEMPLATES) + RULES.read(TEMPLATES)[RULES.read(TEMPLATES).index(b"[[template]]") :].replace(
        b"SYT-", b"SYU-"
    )
    own = RULES.overlaid({TEMPLATES: twice})
    assert [one.id for one in templates(own).of("sources")] == [one.id for one in templates(RULES).of("sources")]
