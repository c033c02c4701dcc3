"""Named entities by a model of the user's: a small spaCy pipeline is trained here; nothing is downloaded."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import spacy
import yaml
from spacy.training import Example

from service.errors import TuneGateError
from service.privacy.analyzer import plain_analyzer
from service.privacy.scanner import Scanner, found_of
from service.privacy.settings import PrivacySettings

PEOPLE = ("Ana", "Omar", "Li", "Greta", "Tomas", "Ines")
PLACES = ("Lyon", "Oslo", "Quito", "Perth", "Turin", "Malmo")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spacy.util.fix_random_seed(1)
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    chance = random.Random(3)
    examples = []
    for _ in range(120):
        person, place = chance.choice(PEOPLE), chance.choice(PLACES)
        text = f"{person} lives in {place} now" + chance.choice(("", ", mail a@example.com", " and then"))
        spans = [(0, len(person), "PERSON"), (len(person) + 10, len(person) + 10 + len(place), "GPE")]
        examples.append(Example.from_dict(nlp.make_doc(text), {"entities": spans}))
    nlp.initialize(lambda: examples)
    for _ in range(12):
        nlp.update(examples)
    folder = tmp_path_factory.mktemp("model") / "people"
    nlp.to_disk(folder)
    return folder


def configuration(tmp_path: Path, model: str, **more: Any) -> str:
    path = tmp_path / "ner.yaml"
    models = [{"lang_code": "en", "model_name": model}]
    content = {
        "supported_languages": ["en"], "nlp_configuration": {"nlp_engine_name": "spacy", "models": models}, **more,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_a_models_entities_are_found_with_the_others(tmp_path: Path, model: Path) -> None:
    settings = PrivacySettings(ner=configuration(tmp_path, str(model)), require_ner=True)
    scanner = Scanner(settings)
    scanner.prepare()
    text = "Greta lives in Oslo now, mail greta@example.com"
    found = scanner.scan(text)
    assert {"PERSON", "LOCATION", "EMAIL_ADDRESS"} <= {one.entity for one in found}
    stock = plain_analyzer(settings)
    for one in (text, "Omar lives in Quito now", "call +1 212 555 0123", "nothing", ""):
        assert scanner.scan(one) == found_of(stock.analyze(one, "en"))
    assert {"PERSON", "LOCATION"}.isdisjoint(one.what for one in scanner.unscanned)


def test_a_model_that_is_not_here_is_told_and_the_patterns_still_run(tmp_path: Path) -> None:
    scanner = Scanner(PrivacySettings(ner=configuration(tmp_path, "en_core_web_nowhere")))
    assert [one.entity for one in scanner.scan("ssn 536-90-4399")] == ["US_SSN"]
    assert [one.what for one in scanner.unscanned] == ["PERSON", "LOCATION", "ORGANIZATION"]
    assert "en_core_web_nowhere" in scanner.unscanned[0].why


@pytest.mark.parametrize("name", ["en_core_web_nowhere", "nobody/no-such-model", None])
def test_required_entities_without_a_model_are_an_error(tmp_path: Path, name: str | None) -> None:
    ner = configuration(tmp_path, name) if name else None
    with pytest.raises(TuneGateError) as raised:
        Scanner(PrivacySettings(ner=ner, require_ner=True))
    assert raised.value.code == "environment"


def test_a_language_without_a_model_is_told(tmp_path: Path, model: Path) -> None:
    settings = PrivacySettings(languages=("en", "de"), ner=configuration(tmp_path, str(model)))
    with pytest.raises(TuneGateError) as raised:
        Scanner(settings).scan("Greta")
    assert raised.value.errors[0].seen == "no model for de"


def test_a_configuration_that_presidio_refuses_is_told(tmp_path: Path, model: Path) -> None:
    settings = PrivacySettings(ner=configuration(tmp_path, str(model), recognizer_registry={"recognizers": 7}))
    with pytest.raises(TuneGateError) as raised:
        Scanner(settings).scan("Greta")
    assert "ner.yaml" in raised.value.errors[0].where
