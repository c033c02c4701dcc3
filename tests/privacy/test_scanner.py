"""What a scanner says of settings, languages, strange strings, and of what it does not look for."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from service.errors import TuneGateError
from service.privacy.found import Found
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings

SETTINGS = PrivacySettings(languages=("en", "de", "ko", "es"))
TEXT = "mail joe@example.com, phone +1 212 555 0123, server 10.20.30.40"


def test_findings_are_sorted_and_hold_no_value(pair_of: Callable[..., Any]) -> None:
    scanner, _ = pair_of(SETTINGS)
    found = scanner.scan(TEXT)
    assert found == sorted(found, key=lambda one: (one.start, one.end, one.entity))
    assert Found("EMAIL_ADDRESS", 5, 20, 1.0, "EmailRecognizer") in found
    assert "joe" not in repr(found)


def test_every_wrong_setting_is_told_at_once() -> None:
    wrong = PrivacySettings(
        languages=("english", "de", "de"), regions=(), threshold=1.5, thresholds={"URL": -1.0}, entities=()
    )
    with pytest.raises(TuneGateError) as raised:
        Scanner(wrong)
    assert [item.where for item in raised.value.errors] == [
        "languages", "languages", "regions", "entities", "threshold", "thresholds.URL",
    ]  # fmt: skip
    assert raised.value.code == "usage"


def test_an_unknown_entity_is_told_with_the_nearest() -> None:
    with pytest.raises(TuneGateError) as raised:
        Scanner(PrivacySettings(entities=("EMAIL_ADRESS",))).scan(TEXT)
    assert raised.value.errors[0].remedy == "Did you mean 'EMAIL_ADDRESS'?"


def test_unknown_regions_and_languages_are_told_in_a_few_words() -> None:
    with pytest.raises(TuneGateError) as raised:
        Scanner(PrivacySettings(languages=("xx", "de"), regions=("US", "XX", "UK")))
    told = [(item.where, item.seen, item.remedy) for item in raised.value.errors]
    assert told == [
        ("languages", "'xx'", "Name a language by its code."),
        ("regions", "'XX'", "Name regions by their two letters (ISO 3166-1)."),
        ("regions", "'UK'", "Did you mean 'GB'?"),
    ]
    assert all(len(item.allowed or "") < 60 for item in raised.value.errors)


def test_a_language_without_recognizers_of_the_settings_is_refused(pair_of: Callable[..., Any]) -> None:
    scanner, _ = pair_of(SETTINGS)
    with pytest.raises(TuneGateError, match="'fr'"):
        scanner.scan(TEXT, language="fr")


def test_persons_places_and_organisations_are_told_as_not_scanned() -> None:
    assert [one.what for one in Scanner(PrivacySettings()).unscanned] == ["PERSON", "LOCATION", "ORGANIZATION"]


@pytest.mark.parametrize(
    "text", ["", " ", "\ud800", "\udfff joe@example.com \ud800", "\0", "\u0301", "\u0131 \u0130", "\U0010ffff"]
)
def test_any_string_is_scanned(text: str, pair_of: Callable[..., Any]) -> None:
    scanner, stock = pair_of(SETTINGS)
    assert scanner.scan(text) == stock(text)


@pytest.mark.parametrize("number", ["card 4111 1111 1111 111{}", "nhs 943 476 591{}", "iban DE8937040044053201300{}"])
def test_a_digit_that_python_does_not_know_ends_no_scan(number: str, pair_of: Callable[..., Any]) -> None:
    """A recognizer of Presidio's that reckons with it ends with a ValueError; then there is nothing to compare."""
    scanner, stock = pair_of(SETTINGS)
    text = f"{number.format(chr(0x10D41))} of joe@example.com"
    found = scanner.scan(text)
    assert stock(text) in (None, found)
    assert "EMAIL_ADDRESS" in {one.entity for one in found}


def test_time_grows_with_the_text_and_not_with_its_square(pair_of: Callable[..., Any]) -> None:
    scanner, _ = pair_of(SETTINGS)
    part = "The driver license is D1234567, mail joe@example.com or call me tomorrow about it. "

    def seconds(copies: int) -> tuple[float, int]:
        start = time.process_time()
        found = scanner.scan(part * copies)
        return time.process_time() - start, len(found)

    seconds(10)
    small, few = seconds(300)
    large, many = seconds(3000)
    assert many == 10 * few
    assert large < 40 * small


def test_threads_share_a_scanner(pair_of: Callable[..., Any]) -> None:
    scanner, stock = pair_of(SETTINGS)
    texts = [f"é {TEXT} {number}" if number % 2 else f"plain {number} {TEXT[:number]}" for number in range(60)]
    expected = [stock(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(scanner.scan, texts)) == expected


WITHOUT = """
    import sys
    sys.modules["hyperscan"] = None
    from service.privacy.scanner import Scanner
    from service.privacy.settings import PrivacySettings
    scanner = Scanner(PrivacySettings())
    print(scanner.scan({text!r}) == {found!r}, scanner.notes)
"""


def test_without_hyperscan_the_findings_are_the_same_and_it_is_noted(pair_of: Callable[..., Any]) -> None:
    scanner, _ = pair_of(SETTINGS)
    found = [tuple(one) for one in scanner.scan(TEXT)]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT.format(text=TEXT, found=found))],
        env=os.environ, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("True ('hyperscan is not installed")
