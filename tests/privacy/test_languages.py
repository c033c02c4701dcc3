"""Codes of languages as people write them."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

import pytest

from service.data import rule_files
from service.privacy.languages import FILE, language_code, unknown_languages
from service.verbs.linting.privacy import TOLD_APART

TABLE: dict[str, list[str]] = tomllib.loads(rule_files().read(FILE).decode())["codes"]
REGIONS = tomllib.loads(rule_files().read("privacy/regions.toml").decode())["language"]


def test_the_table_has_every_code_once_and_all_that_we_know_things_of() -> None:
    codes = [code for two, others in TABLE.items() for code in (two, *others)]
    assert [code for code, times in Counter(codes).items() if times > 1] == []
    assert all(re.fullmatch("[a-z]{2}", two) and others for two, others in TABLE.items())
    assert unknown_languages(TOLD_APART) == []
    assert unknown_languages(language_code(row["id"]) for row in REGIONS) == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("deu", "de"),
        ("ger", "de"),
        ("fil", "tl"),
        ("zho", "zh"),
        ("xx", "xx"),
        ("auto", "auto"),
    ],
)
def test_a_code_is_read_as_two_letters(given: str, code: str) -> None:
    assert language_code(given) == code


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("xx", "Name a language by its code."),
        ("de-AT", "Did you mean 'de'?"),
        ("pt_BR", "Did you mean 'pt'?"),
        ("deu", "Did you mean 'de'?"),
        ("english", "Name a language by its code."),
        ("", "Name a language by its code."),
    ],
)
def test_what_is_no_code_is_told(code: str, remedy: str) -> None:
    (item,) = unknown_languages([code])
    assert (item.where, item.remedy) == ("languages", remedy)
