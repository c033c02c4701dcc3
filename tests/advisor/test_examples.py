"""Every worked example, through the verb that users call; among them what the sources themselves state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.advisor.examples import Example, load_examples
from service.advisor.knowledge import load_knowledge
from service.data import rule_files
from service.errors import TuneGateError
from service.records.decision import Decision
from service.records.estimate import Estimate, Fit, Peak
from service.records.lint_report import LintReport, Summary
from service.verbs.advise import advise

RULES = rule_files()
KNOWLEDGE = load_knowledge(RULES)
EXAMPLES = load_examples(RULES)
DAY = datetime(2026, 11, 21, tzinfo=UTC)


def report(facts: dict[str, object]) -> LintReport:
    return LintReport(
        id="a" * 64, rules_revision=RULES.revision, target="local", method="sft", model=None, files=[], verdict="pass",
        summary=Summary(0, 0, 0), counts={}, findings=[], truncated={}, facts=facts, not_scanned=[],
    )  # type: ignore[arg-type]  # fmt: skip


def estimate(technique: str, verdicts: dict[str, str], **inputs: object) -> Estimate:
    return Estimate(
        id="b" * 64, model="m", technique=technique, inputs=inputs, peak=Peak(1, 1, 1, 0, 1, 1), host_ram_gib=0,
        phase="backward", phases={}, breakdown=[], evidence="formula", validated=True, assumptions={},
        fits=[Fit(gpu, 1, verdict, 1.0) for gpu, verdict in verdicts.items()],  # type: ignore[arg-type]
    )  # fmt: skip


def decided(example: Example) -> Decision:
    moment = DAY if example.on is None else datetime(example.on.year, example.on.month, example.on.day, tzinfo=UTC)
    return advise(
        example.facts,
        rules=RULES,
        edition=example.edition,
        report=report(example.measured) if example.measured else None,
        estimates=[estimate("lora", example.fits)] if example.fits else [],
        now=moment,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one.rule}: {one.says[:40]}")
def test_every_example_gets_its_answer_by_its_rule(example: Example) -> None:
    if example.refused:
        with pytest.raises(TuneGateError) as raised:
            decided(example)
        assert raised.value.code == "contradictory_facts"
        assert any(example.rule in str(error.seen) for error in raised.value.errors)
        return
    decision = decided(example)
    assert decision.answer is not None, [one.fact for one in decision.unknown]
    got = {name: getattr(decision.answer, name) for name in example.answer}
    assert got == example.answer
    certain = [one for one in decision.cautions if not one.text.startswith("May also apply")]
    assert example.rule in [one.rule for one in (*decision.because, *decision.rejected, *certain)]
    assert "{" not in "".join([one.why for one in decision.because] + [one.text for one in decision.cautions])


def test_every_rule_has_an_example_and_there_are_many() -> None:
    assert {example.rule for example in EXAMPLES} == set(KNOWLEDGE.rules)
    assert len(EXAMPLES) >= 60
    assert sum(":" in example.says.partition(".")[0] for example in EXAMPLES) >= 10  # the sources' own statements
