"""Preference rows and rows for graders."""

from __future__ import annotations

from typing import Any

from defects.case import TURNS, Case, Row, among, bot, jsonl, system, user

WRONG = "I am not sure which city that might be, sorry."


def pair(question: str, good: Any, bad: Any, **more: Any) -> Row:
    return {
        "input": {"messages": [system(), user(question)]},
        "preferred_output": good,
        "non_preferred_output": bad,
        **more,
    }


def worse(i: int) -> str:
    return f"{TURNS[(i + 7) % 60][1]}"


PAIRS = [pair(q, [bot(a)], [bot(worse(i))]) for i, (q, a) in enumerate(TURNS[:60])]
PAIRS_HELD_OUT = [pair(q, [bot(a)], [bot(worse(i))]) for i, (q, a) in enumerate(TURNS[60:])]
BEST, WORST = [bot("The Elbe runs through Dresden.")], [bot("The Rhine runs through Dresden.")]
ASKED = "Which river runs through Dresden?"
PLAIN = pair(ASKED, BEST, WORST)
ANY = "EE-EEE"


def dpo(
    name: str,
    rule: str,
    grades: str,
    bad: object,
    pointer: str | None,
    also: str = "",
    good: object = PLAIN,
    **more: Any,
) -> Case:
    held_out = jsonl(PAIRS_HELD_OUT)
    return Case(
        name,
        rule,
        grades,
        among(bad, PAIRS),
        among(good, PAIRS),
        pointer=pointer,
        method="dpo",
        validation=held_out,
        good_validation=held_out,
        also=frozenset(also.split()),
        **more,
    )


def without(row: Row, key: str) -> Row:
    return {k: v for k, v in row.items() if k != key}


def graded(question: str, answer: str, **more: Any) -> Row:
    return {"messages": [user(question)], "reference_answer": answer, **more}


GRADED = [graded(q, a) for q, a in TURNS[:60]]
GRADED_HELD_OUT = [graded(q, a) for q, a in TURNS[60:]]
ONE = graded(ASKED, "The Elbe.")


def rft(
    name: str, rule: str, grades: str, bad: object, pointer: str | None, also: str = "", good: object = ONE
) -> Case:
    held_out = jsonl(GRADED_HELD_OUT)
    return Case(
        name,
        rule,
        grades,
        among(bad, GRADED),
        among(good, GRADED),
        pointer=pointer,
        method="rft",
        validation=held_out,
        good_validation=held_out,
        also=frozenset(also.split()),
    )


PREFERENCES = [
    dpo("preferred_output missing", "D001", ANY, without(PLAIN, "preferred_output"), None, "F021"),
    dpo("non_preferred_output missing", "D001", ANY, without(PLAIN, "non_preferred_output"), None, "F021"),
    dpo("input missing", "D001", ANY, without(PLAIN, "input"), None, "F021"),
    dpo("input a string", "D001", ANY, {**PLAIN, "input": ASKED}, "/input"),
    dpo("input a list of messages", "D001", ANY, {**PLAIN, "input": [user(ASKED)]}, "/input"),
    dpo("input without messages", "D001", ANY, {**PLAIN, "input": {}}, "/input"),
    dpo("output a string", "D001", ANY, {**PLAIN, "preferred_output": "The Elbe."}, "/preferred_output"),
    dpo("output an object", "D001", ANY, {**PLAIN, "preferred_output": bot()}, "/preferred_output"),
    dpo("output empty", "D002", ANY, {**PLAIN, "preferred_output": []}, "/preferred_output"),
    dpo(
        "output without assistant",
        "D002",
        ANY,
        {**PLAIN, "non_preferred_output": [{"role": "tool", "tool_call_id": "a", "content": "1"}]},
        "/non_preferred_output",
        "T021 T001",
    ),
    dpo(
        "output from the user",
        "D003",
        "EE-WWW",
        {**PLAIN, "preferred_output": [user("And?"), *BEST]},
        "/preferred_output/0/role",
        "D006",
    ),
    dpo(
        "input ends with assistant",
        "D004",
        "EE-WWW",
        {**PLAIN, "input": {"messages": [system(), user(ASKED), bot("Hm.")]}},
        "/input/messages/2",
    ),
    dpo(
        "input without user", "D004", "EE-WWW", {**PLAIN, "input": {"messages": [system()]}}, "/input/messages", "R011"
    ),
    dpo("outputs equal", "D005", "WW-WWW", {**PLAIN, "non_preferred_output": BEST}, None),
    dpo(
        "several messages in an output",
        "D006",
        "IW-III",
        {**PLAIN, "preferred_output": [*BEST, bot("It is 1094 km long.")]},
        "/preferred_output",
        "R016",
    ),
    dpo(
        "answer of an output empty",
        "R022",
        "EEEEEE",
        {**PLAIN, "preferred_output": [bot("")]},
        "/preferred_output/0/content",
    ),
    dpo(
        "role of an output misspelt",
        "R006",
        "EEEEEE",
        {**PLAIN, "preferred_output": [bot(role="Assistant")]},
        "/preferred_output/0/role",
        "",
    ),
    dpo(
        "preference swapped",
        "D008",
        "WW-WWW",
        PAIRS[2]
        | {"preferred_output": PAIRS[2]["non_preferred_output"], "non_preferred_output": PAIRS[2]["preferred_output"]},
        None,
    ),
    Case(
        "longer is always better",
        "D007",
        "WW-WWW",
        jsonl(pair(q, [bot(f"{a} {WRONG}")], [bot("No.")]) for q, a in TURNS[:60]),
        jsonl(PAIRS),
        line=None,
        method="dpo",
        validation=jsonl(PAIRS_HELD_OUT),
        good_validation=jsonl(PAIRS_HELD_OUT),
        also=frozenset({"X006", "Q004"}),
    ),
]
GRADINGS = [
    rft(
        "ends with assistant",
        "G001",
        "EE----",
        {"messages": [user(ASKED), bot()], "reference_answer": "The Elbe."},
        "/messages/1",
    ),
    rft("no grader field", "G003", "WW----", {"messages": [user(ASKED)]}, None, "G004"),
    Case(
        "grader fields differ",
        "G004",
        "WW----",
        among({"messages": [user(ASKED)], "solution": "The Elbe."}, GRADED),
        among(ONE, GRADED),
        line=None,
        method="rft",
        validation=jsonl(GRADED_HELD_OUT),
        good_validation=jsonl(GRADED_HELD_OUT),
    ),
    rft(
        "asks for its chain of thought",
        "G008",
        "I-----",
        {"messages": [user(f"{ASKED} Show your chain of thought.")], "reference_answer": "The Elbe."},
        "/messages/0/content",
    ),
    Case(
        "no validation file",
        "G002",
        "EE----",
        jsonl(GRADED),
        jsonl(GRADED),
        line=None,
        method="rft",
        validation=None,
        good_validation=jsonl(GRADED_HELD_OUT),
        also=frozenset({"X004"}),
    ),
    Case(
        "references all equal",
        "G006",
        "WW----",
        jsonl(graded(q, "yes") for q, _ in TURNS[:60]),
        jsonl(GRADED),
        line=None,
        method="rft",
        validation=jsonl(GRADED_HELD_OUT),
        good_validation=jsonl(GRADED_HELD_OUT),
        also=frozenset({"X006"}),
    ),
]
CASES = [*PREFERENCES, *GRADINGS]
