"""Recognizers of one's own: every mistake with its file and line, and no pattern that runs for ever."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from service.errors import TuneGateError
from service.privacy import limits
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings

GOOD = """
    recognizers:
      - name: badge
        supported_entity: BADGE
        type: custom
        patterns:
          - {name: badge, regex: 'B-\\d+', score: 0.6}
        context: [badge]
      - name: UrlRecognizer
        type: predefined
        enabled: false
"""


def scanner_of(tmp_path: Path, text: str) -> Scanner:
    path = tmp_path / "own.yaml"
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return Scanner(PrivacySettings(recognizers=str(path)))


def test_a_recognizer_is_added_and_one_is_taken_away(tmp_path: Path) -> None:
    found = scanner_of(tmp_path, GOOD).scan("badge B-77 https://example.com")
    assert [(one.entity, one.recognizer) for one in found] == [("BADGE", "badge")]
    assert found[0].score == pytest.approx(0.95)


def test_every_bad_expression_is_told_with_its_line(tmp_path: Path) -> None:
    text = """
        recognizers:
          - name: one
            supported_entity: ONE
            type: custom
            patterns:
              - {name: a, regex: '(', score: 0.5}
              - name: b
                regex: '[z-a]'
                score: 0.5
          - name: two
            supported_entity: TWO
            type: custom
            patterns: [{name: c, regex: 'c', score: 7}]
          - name: NoSuchRecognizer
            type: predefined
    """
    with pytest.raises(TuneGateError) as raised:
        scanner_of(tmp_path, text).scan("x")
    lines = [item.where.rpartition(":")[2] for item in raised.value.errors]
    assert lines == ["6", "8", "10", "14"]
    assert all("own.yaml" in item.where for item in raised.value.errors)
    assert "'one'" in str(raised.value.errors[0].seen)


@pytest.mark.parametrize(
    ("text", "line"),
    [("recognizers: [\n  a: b: c\n", 2), ("- a\n- b\n", 1), ("x: 1\n", 1), ("", 1), ("recognizers: 5", 1)],
)
def test_a_file_that_is_no_list_of_recognizers_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(TuneGateError) as raised:
        scanner_of(tmp_path, text).scan("x")
    assert raised.value.errors[0].where.endswith(f"own.yaml:{line}")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TuneGateError) as raised:
        Scanner(PrivacySettings(recognizers=str(tmp_path / "none.yaml"))).scan("x")
    assert raised.value.code == "unreadable_path"


def test_a_catastrophic_pattern_ends_in_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_SECONDS", 0.3)
    text = """
        recognizers:
          - name: slow one
            supported_entity: SLOW
            type: custom
            patterns: [{name: nested, regex: '(?:\\w|\\w\\w)+=', score: 0.5}]
    """
    secret = "hunter" * 12
    with pytest.raises(TuneGateError) as raised:
        scanner_of(tmp_path, text).scan(f"x=1 {secret} = y")
    assert raised.value.errors[0].where == "recognizer 'slow one', pattern 'nested'"
    assert secret not in repr(raised.value.errors) + str(raised.value)
