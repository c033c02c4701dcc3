"""Tagalog: questions, labels and main reasons; ids and values stay, the notice is in, what is missing stays English."""

from __future__ import annotations

import pytest

from service.advisor.examples import load_examples
from service.data import rule_files
from service.errors import TuneGateError
from service.verbs.advise import advise
from service.verbs.advising.facts import coerced, question
from service.verbs.advising.page import html, markdown
from service.verbs.advising.text import text
from service.verbs.advising.translate import preferred, translated

RULES = rule_files()
FACTS = next(one.facts for one in load_examples(RULES) if one.rule == "TGT-040")


def test_main_reasons_questions_and_notice_are_tagalog_and_the_record_is_the_same() -> None:
    decision = advise(FACTS, rules=RULES)
    shown, words = translated(decision, RULES, "tl")
    assert (shown.id, shown.answer, shown.facts) == (decision.id, decision.answer, decision.facts)
    assert "Sinubukan na ang prompt" in shown.because[0].why
    assert "ang orihinal sa Ingles ang pinagbabatayang dokumento" in shown.cautions[0].text
    screen = text(shown, words)
    assert "mag-fine-tune, LoRA, sa makinang ito" in screen
    assert "human-like na tugon sa chatbots" in markdown(shown, words)
    assert '<html lang="tl">' in html(shown, words, language="tl")
    asked, _ = translated(advise({}, rules=RULES), RULES, "tl")
    assert asked.unknown[0].ask.startswith("May ebalwasyon")


def test_what_has_no_words_stays_english() -> None:
    shown, _ = translated(advise(FACTS, rules=RULES), RULES, "tl")
    assert next(one.why for one in shown.because if one.rule == "WHY-080").startswith("A pretrained base")


def test_numbers_are_filled_into_translated_reasons() -> None:
    shown, _ = translated(advise(FACTS | {"data.rows": 31}, rules=RULES), RULES, "tl")
    assert "31 wastong usapan" in shown.because[0].why


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("tl", "tl"), ("tl-PH, en;q=0.5", "tl"), ("fil", "tl"), ("en, tl;q=0.9", "en"), ("de, tl;q=0.3", "tl"),
        ("", "en"), ("de", "en"), ("tl;q=0", "en"), ("tl;q=x, en", "en"), ("*", "en"),
    ],
)  # fmt: skip
def test_accept_language(header: str, expected: str) -> None:
    assert preferred(header, RULES) == expected


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(TuneGateError) as raised:
        translated(advise(FACTS, rules=RULES), RULES, "tk")
    assert "en, tl" in str(raised.value.errors[0].allowed)


def test_a_question_has_choices_with_their_meaning_in_the_language() -> None:
    asked = question(RULES, "gap.kind", "tl")
    assert ("none", "walang kulang") in asked.choices
    assert asked.dont_know == "? = hindi alam"
    assert question(RULES, "data.rows", "en").allowed == "an integer from 0 (conversations)"


def test_replies_are_read_as_what_they_stand_for() -> None:
    assert coerced("eval.exists", "oo") is True
    assert coerced("fit.lora", "no") == "no"
    assert coerced("eval.exists", "no") is False
    assert coerced("scenario", "chatbot, creative") == ["chatbot", "creative"]
    assert (coerced("data.rows", "50"), coerced("gpu.vram_gib", "23.5")) == (50, 23.5)
