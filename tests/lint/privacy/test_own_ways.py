"""Names by a model of the user's, recognizers of the user's, and the facts that the advisor is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
import yaml

from service.advisor.knowledge import load_knowledge
from service.data import rule_files
from service.privacy.settings import PrivacySettings
from service.records.lint_report import LintReport
from service.verbs.advising.measured import measured_facts

Report = Callable[..., LintReport]


def chat(question: str, answer: str = "Yes.") -> dict[str, Any]:
    said = (("system", "Be brief."), ("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": text} for role, text in said]}


def written(path: Path, content: object) -> str:
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_names_are_found_by_a_model_and_are_no_error_in_an_answer(report: Report, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ada Lovelace"}])
    nlp.to_disk(tmp_path / "names")
    models = [{"lang_code": "en", "model_name": str(tmp_path / "names")}]
    ner = written(
        tmp_path / "ner.yaml",
        {"supported_languages": ["en"], "nlp_configuration": {"nlp_engine_name": "spacy", "models": models}},
    )
    rows = [chat("Who?", f"Ada Lovelace, {n}.") for n in range(6)] + [chat("Nobody?", "No.")]
    made = report(rows, privacy={"mode": "ner", "settings": PrivacySettings(ner=ner, require_ner=True)})
    assert (made.counts["P020"], made.facts["data.pii_scan"]) == (6, "patterns-and-names")
    assert not {"P040", "P041", "P043"} & made.counts.keys()
    assert not any("PERSON" in one.what for one in made.not_scanned)
    # the same settings, and patterns alone
    assert "P020" not in report(rows, privacy={"settings": PrivacySettings(ner=ner)}).counts


def test_what_a_recognizer_of_ones_own_finds_has_a_rule(report: Report, tmp_path: Path) -> None:
    staff = {
        "name": "Staff", "supported_entity": "STAFF_NUMBER", "supported_language": "en",
        "patterns": [{"name": "staff", "regex": r"\bST-[0-9]{5}\b", "score": 0.8}],
    }  # fmt: skip
    settings = PrivacySettings(recognizers=written(tmp_path / "own.yaml", {"recognizers": [staff]}))
    made = report([chat("Ask ST-12345.")], privacy={"settings": settings})
    (one,) = [one for one in made.findings if one.rule == "P039"]
    assert one.message.startswith("STAFF_NUMBER characters 4 to 12, score 0.80, value ")


def test_the_advisor_is_told_what_was_found(report: Report) -> None:
    made = report([chat("Ask ada@quokkas.org and bob@quokkas.org"), chat("Hi?")])
    assert made.statistics is not None
    assert made.statistics.personal == {"EMAIL_ADDRESS": 2}
    told = measured_facts(load_knowledge(rule_files()), {}, made, [], rule_files())
    assert (told.values["data.pii_findings"], told.values["data.pii_scan"]) == (2, "patterns")
    assert told.origins["data.pii_findings"] == f"measured:{made.id}"
