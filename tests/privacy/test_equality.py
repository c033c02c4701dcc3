"""The gate changes no finding: entity, span, score and recognizer are those of Presidio alone."""

# ruff: noqa: E501, RUF001  # texts that look alike are what this is about

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import presidio_analyzer
import privacy_texts
import pytest
import yaml

from service.privacy import gate
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings

# a longer campaign: TUNEGATE_PRIVACY_TEXTS=20000 adds every recognizer that Presidio has, and takes many minutes
CAMPAIGN = int(os.environ.get("TUNEGATE_PRIVACY_TEXTS", "0"))
CHAT, ADVERSARIAL = max(CAMPAIGN, 300), max(CAMPAIGN, 700)
SETTINGS = PrivacySettings(languages=("en", "de", "ko", "es"))


def patterns_and_context(engine: Any, language: str) -> tuple[list[str], list[str]]:
    recognizers = engine.registry.get_recognizers(language, all_fields=True)
    patterns = [pattern.regex for one in recognizers for pattern in getattr(one, "patterns", ())]
    return patterns, [word for one in recognizers for word in one.context or ()]


def differences(scanner: Scanner, stock: Any, texts: list[str], language: str) -> list[tuple[str, Any, Any]]:
    compared = [(text, stock(text, language), scanner.scan(text, language=language)) for text in texts]
    known = [one for one in compared if one[1] is not None]  # Presidio ends with an error on some
    assert len(known) > len(texts) * 0.8
    assert sum(len(expected) for _, expected, _ in known) > len(texts) / 20
    return [one for one in known if one[1] != one[2]]


@pytest.mark.parametrize("language", SETTINGS.languages)
def test_chat_has_the_same_findings(language: str, pair_of: Callable[..., Any]) -> None:
    scanner, stock = pair_of(SETTINGS)
    assert differences(scanner, stock, list(privacy_texts.chat(11, CHAT, 0.3, language)), language) == []


@pytest.mark.parametrize("language", SETTINGS.languages)
def test_texts_made_from_the_patterns_and_disturbed_have_the_same_findings(
    language: str, pair_of: Callable[..., Any]
) -> None:
    scanner, stock = pair_of(SETTINGS)
    texts = list(privacy_texts.adversarial(12, ADVERSARIAL, *patterns_and_context(stock.engine, language)))
    assert differences(scanner, stock, texts, language) == []


def test_items_with_one_character_exchanged_have_the_same_findings(pair_of: Callable[..., Any]) -> None:
    scanner, stock = pair_of(SETTINGS)
    assert differences(scanner, stock, list(privacy_texts.edges()), "en") == []


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.4, 0.45, 1.0])
def test_every_threshold_has_the_same_findings(threshold: float, pair_of: Callable[..., Any]) -> None:
    """Patterns that need a context word to reach the threshold are gated by that word as well."""
    entities = ("US_DRIVER_LICENSE", "US_BANK_NUMBER", "US_PASSPORT", "US_SSN", "MEDICAL_LICENSE")
    settings = PrivacySettings(threshold=threshold, thresholds={"US_SSN": 0.1}, entities=entities)
    scanner, stock = pair_of(settings)
    texts = list(privacy_texts.adversarial(13, 300, *patterns_and_context(stock.engine, "en")))
    given = [(text, ["Passport no"]) for text in texts] + [(text, []) for text in texts]
    found = [(scanner.scan(text, context=words), stock(text, context=words)) for text, words in given]
    assert [one for one in found if one[0] != one[1]] == []


def test_recognizers_for_one_text_always_run(pair_of: Callable[..., Any]) -> None:
    scanner, stock = pair_of(SETTINGS)
    badge = presidio_analyzer.PatternRecognizer(
        "BADGE", name="badge", patterns=[presidio_analyzer.Pattern("badge", r"\bB-\d+\b", 0.6)]
    )
    assert [one.entity for one in scanner.scan("see B-12", ad_hoc=[badge])] == ["BADGE"]
    assert scanner.scan("see B-12, a@b.com", ad_hoc=[badge]) == stock("see B-12, a@b.com", ad_hoc_recognizers=[badge])
    assert scanner.scan("see B-12") == []


CUSTOM = (
    ("plain", r"\bEMP-\d{4,6}\b"),
    ("alternatives", r"(?i)(?:kennung|ausweis)\s*[:=]\s*[a-z]{2}\d+"),
    ("may_be_empty", r"x*"),
    ("set_operation", r"(?V1)[\w--[a-z]]{4}"),
    ("fuzzy", r"(?:secretive){e<=1}"),
    ("property", r"\p{Lu}{3}\d{3}"),
    ("possessive", r"\d++-[A-Z]++"),
    ("beyond_ascii", r"straße\s+\d+"),
    ("up_to", r"q{,3}z\d"),
    ("look", r"(?<=user=)\w+(?=;)"),
    ("back", r"(\w)\1{3}#"),
    ("line", r"^id \S+$"),
    ("many", r"=[0-9a-f]{100,200}="),
)
TEXTS = (
    "EMP-1234", "EMP-١٢٣٤", "emp-12345 x", "Kennung: ab12", "KENNUNG\u00a0= KK1", "xx", "ABCD", "secretve", "secrt", "ÄÖÜ123",
    "ÀBC٣٤٥", "12-AB", "Straße 12", "STRASSE 3", "STRAẞE 4", "qqz1", "z٣", "qqqqqz1", "user=ſam;", "user=K\u0301;", "aaaa#", "éééé#",
    "id ab\nid \u00e9\u0301", "x\nid \ud800", "=" + "0f" * 60 + "=", "=" + "0f" * 40 + "=", "kennung:kı9", "İd é", "\U0001e94bbcd",
)  # fmt: skip


def test_recognizers_of_ones_own_have_the_same_findings(tmp_path: Path, pair_of: Callable[..., Any]) -> None:
    """Also those whose expressions Vectorscan does not read, or reads in another way."""
    rows = [
        {
            "name": name, "supported_entity": name.upper(), "type": "custom",
            "patterns": [{"name": name, "regex": expression, "score": 0.5}],
        }
        for name, expression in CUSTOM
    ]  # fmt: skip
    rows.append({"name": "list", "supported_entity": "LIST", "type": "custom", "deny_list": ["Dr.", "Żółw", "naïve"]})
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"recognizers": rows}, allow_unicode=True), encoding="utf-8")
    entities = (*(str(row["supported_entity"]) for row in rows), "EMAIL_ADDRESS")
    scanner, stock = pair_of(PrivacySettings(recognizers=str(path), entities=entities))
    texts = [*TEXTS, "Dr. Who", "żółw", "NAÏVE a@b.com"]
    texts += [privacy_texts.disturbed(privacy_texts.random.Random(seed), text) for seed in range(12) for text in texts]
    found = {text: scanner.scan(text) for text in texts}
    assert {text: stock(text) for text in texts} == found
    assert {one.entity for many in found.values() for one in many} == {*entities}


@pytest.mark.parametrize(
    ("rule", "without"), [("translation", lambda _: {}), ("_DOTLESS", "\0\0"), ("_DOTTED", "\0\0")]
)
def test_this_suite_sees_a_gate_without_its_unicode_rules(
    rule: str, without: Any, pair_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stock = pair_of(SETTINGS)
    monkeypatch.setattr(gate, rule, without)
    broken = Scanner(SETTINGS)
    broken.prepare()
    assert differences(broken, stock, list(privacy_texts.edges()), "en") != []


if CAMPAIGN:

    @pytest.mark.parametrize("language", ["en", "de", "ko"])
    def test_every_recognizer_that_presidio_has(language: str, tmp_path: Path, pair_of: Callable[..., Any]) -> None:
        conf = Path(presidio_analyzer.__file__).parent / "conf" / "default_recognizers.yaml"
        rows = [row for row in yaml.safe_load(conf.read_text())["recognizers"] if not row.get("enabled", True)]
        rows = [
            {**row, "enabled": True} for row in rows if not any(part in row["name"] for part in ("Ner", "LangExtract"))
        ]
        path = tmp_path / "all.yaml"
        path.write_text(yaml.safe_dump({"recognizers": rows}))
        scanner, stock = pair_of(PrivacySettings(languages=(language,), recognizers=str(path)))
        texts = list(privacy_texts.adversarial(14, CAMPAIGN, *patterns_and_context(stock.engine, language)))
        assert differences(scanner, stock, texts, language) == []
