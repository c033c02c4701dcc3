"""Training and validation data of one job."""

from __future__ import annotations

from defects.case import GOOD, HELD_OUT, TURNS, Case, bot, chat, jsonl, user

ANY, NOTE = "EEEEEE", "WWWWWW"


def split(
    name: str, rule: str, grades: str, held_out: bytes | None, at: int | None = None, also: str = "", **more: bool
) -> Case:
    good = jsonl(GOOD)
    return Case(
        name,
        rule,
        grades,
        good,
        good,
        line=at,
        validation=held_out,
        also=frozenset(also.split()),
        **more,
    )  # type: ignore[arg-type]


CASES = [
    split("row in both", "X001", ANY, jsonl([*HELD_OUT, GOOD[3]]), at=len(HELD_OUT) + 1),
    split(
        "prompt in both",
        "X002",
        NOTE,
        jsonl([*HELD_OUT, chat(user(TURNS[3][0]), bot("That is Rome, I would say."))]),
        at=len(HELD_OUT) + 1,
        also="Q003",
    ),
    split("no validation", "X004", "WWWIII", None),
    split("validation too small", "X004", "WWWIII", jsonl(HELD_OUT[:3])),
    split(
        "validation larger than the training data",
        "X004",
        "WWWIII",
        jsonl([chat(user(f"{q} Say it in a word."), bot(a.split(maxsplit=1)[1])) for q, a in TURNS]),
    ),
    split("same file for both", "X005", ANY, jsonl(GOOD), also="X001 X004"),
    split(
        "validation of another kind",
        "X006",
        "IIIIII",
        jsonl(chat(user(q), bot((a + " ") * 30)) for q, a in TURNS[60:]),
        also="Q023",
    ),
]
