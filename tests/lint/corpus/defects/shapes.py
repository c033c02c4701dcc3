"""Prompt and completion, classes, token tags."""

from __future__ import annotations

from typing import Any

from defects.case import TURNS, Case, Row, among, jsonl

COMPLETIONS = [{"prompt": f"{q}\n\n", "completion": f" {a}"} for q, a in TURNS]
CLASSES = [{"text1": a, "label": "city" if i % 2 else "country"} for i, (_, a) in enumerate(TURNS)]
TAGS = [{"tokens": a.split(), "ner_tags": ["B-LOC" if w[0].isupper() else "O" for w in a.split()]} for _, a in TURNS]
PROMPT = {"prompt": "Which river runs through Dresden?\n\n", "completion": " The Elbe runs through Dresden."}
CLASS = {"text1": "The Elbe runs through Dresden.", "label": "city"}
TAGGED = {"tokens": ["The", "Elbe", "is", "long"], "ner_tags": ["O", "B-LOC", "O", "O"]}


def shaped(rows: list[Row], good: Row, only: str) -> Any:
    """A maker of cases among rows of this shape."""

    def made(name: str, rule: str, grades: str, bad: Row, pointer: str | None = "", also: str = "") -> Case:
        held_out = jsonl(rows[60:])
        return Case(
            name,
            rule,
            grades,
            among(bad, rows[:60]),
            among(good, rows[:60]),
            pointer=pointer,
            validation=held_out,
            good_validation=held_out,
            also=frozenset((also + " " + only).split()),
        )

    return made


completion = shaped(COMPLETIONS, PROMPT, "F026")
label = shaped(CLASSES, CLASS, "F027")
tags = shaped(TAGS, TAGGED, "F028")
CASES = [
    completion("completion empty", "R042", "EEEEEE", {**PROMPT, "completion": ""}, "/completion"),
    completion("completion missing", "R040", "EEEEEE", {"prompt": PROMPT["prompt"]}, None),
    completion("completion a number", "R041", "EEEEEE", {**PROMPT, "completion": 5}, "/completion"),
    completion("prompt empty", "R043", "WWWIII", {**PROMPT, "prompt": ""}, "/prompt"),
    completion(
        "words run together",
        "R045",
        "WWWWWW",
        {"prompt": "The river of Dresden is the", "completion": "Elbe, as all know."},
        "/completion",
    ),
    label("label missing", "R052", "EEEEEE", {"text1": "The Elbe is long."}, None),
    label("label null", "R052", "EEEEEE", {**CLASS, "label": None}, "/label"),
    label("label with spaces", "R054", "WWWWWW", {**CLASS, "label": " city"}, "/label", "Q006"),
    label("label of another type", "R057", "EEEEEE", {**CLASS, "label": 3}, None, "Q006"),
    label("text empty", "R051", "EEEEEE", {**CLASS, "text1": " "}, "/text1"),
    label("text missing", "F020", "EEEEEE", {"label": "city"}, None),
    label("text a list", "R051", "EEEEEE", {**CLASS, "text1": ["a"]}, "/text1"),
    tags("fewer tags than tokens", "R062", "EEEEEE", {**TAGGED, "ner_tags": ["O"]}, "/ner_tags"),
    tags("tag outside the scheme", "R064", "WWWWWW", {**TAGGED, "ner_tags": ["B-LOC", "LOC", "O", "O"]}, "/ner_tags/1"),
    tags("inside without begin", "R063", "WWWWWW", {**TAGGED, "ner_tags": ["O", "I-PER", "O", "O"]}, "/ner_tags/1"),
    tags("tokens a string", "R060", "EEEEEE", {**TAGGED, "tokens": "The Elbe is long"}, "/tokens"),
    tags("token blank", "R065", "WWWWWW", {**TAGGED, "tokens": ["The", " ", "is", "long"]}, "/tokens/1"),
]
