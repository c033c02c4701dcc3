"""Every entity that a shipped recognizer can find has a rule that names it."""

from __future__ import annotations

import pytest
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from service.data import rule_files
from service.errors import TuneGateError
from service.lint.catalogue import entries
from service.privacy.entities import FILE, entity_table
from service.privacy.recognizers import own_recognizers

RULES = rule_files()
TABLE = entity_table(RULES)
LANGUAGES = ["en", "es", "it", "pl", "de", "fr", "ko", "fi", "sv", "th", "tr", "tl"]
REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "IN", "CA", "AU", "SG", "PH", "KR", "ZA", "SE", "NG", "TR", "PL")
KIND = """[[kind]]
rule = "{}"
title = "a"
entities = ["TWICE"]
"""


def test_no_shipped_entity_is_left_to_the_rule_for_others() -> None:
    stock = RecognizerRegistryProvider(registry_configuration={"supported_languages": LANGUAGES})
    recognizers = stock.create_recognizer_registry().recognizers
    recognizers += [one for language in LANGUAGES for one in own_recognizers(language, REGIONS)]
    entities = {entity for one in recognizers for entity in one.supported_entities}
    assert len(entities) > 50
    assert [entity for entity in sorted(entities) if TABLE.rule_of(entity) == "P039"] == []


def test_every_kind_has_its_check() -> None:
    assert {kind.rule for kind in TABLE.kinds} - {"off"} <= entries().keys()
    assert (TABLE.rule_of("STAFF_NUMBER"), TABLE.rule_of("SECRET_NEW"), TABLE.rule_of("URL")) == ("P039", "S001", None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((KIND.format("P001") + KIND.format("P002")).encode(), "TWICE"),
        (b'[[kind]]\nrule = "P001"\nentities = ["A"]', "title"),
        (b"[[kind]", FILE),
    ],
)  # fmt: skip
def test_a_broken_table_is_named(content: bytes, said: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        entity_table(RULES.overlaid({FILE: content}))
    assert raised.value.code == "invalid_rules"
    assert said in raised.value.detail
