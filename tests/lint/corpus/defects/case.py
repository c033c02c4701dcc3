"""One defect, the file that has it and the twin that has not, and the good rows that both are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

TARGETS = ("azure-openai", "openai", "azure-serverless", "local", "trl", "kaito")
SYSTEM = "You answer questions of pupils about geography in one or two sentences."
# the defect stands in this line of its file unless a case says otherwise
LINE = 7
Row = dict[str, Any]

_CAPITALS = (
    "Norway Oslo,Sweden Stockholm,Finland Helsinki,Denmark Copenhagen,Iceland Reykjavik,Estonia Tallinn,Latvia Riga,"
    "Lithuania Vilnius,Poland Warsaw,Germany Berlin,France Paris,Spain Madrid,Portugal Lisbon,Italy Rome,Greece Athens,"
    "Austria Vienna,Hungary Budapest,Romania Bucharest,Bulgaria Sofia,Serbia Belgrade,Croatia Zagreb,Slovenia Ljubljana,"
    "Albania Tirana,Malta Valletta,Cyprus Nicosia,Turkey Ankara,Egypt Cairo,Kenya Nairobi,Ghana Accra,Senegal Dakar,"
    "Morocco Rabat,Tunisia Tunis,Algeria Algiers,Angola Luanda,Zambia Lusaka,Malawi Lilongwe,Rwanda Kigali,Uganda Kampala,"
    "India Delhi,Nepal Kathmandu,Bhutan Thimphu,Japan Tokyo,China Beijing,Vietnam Hanoi,Thailand Bangkok,Laos Vientiane,"
    "Cambodia Phnom-Penh,Indonesia Jakarta,Peru Lima,Chile Santiago,Ecuador Quito,Bolivia Sucre,Uruguay Montevideo,"
    "Argentina Buenos-Aires,Brazil Brasilia,Colombia Bogota,Cuba Havana,Jamaica Kingston,Canada Ottawa,Fiji Suva,"
    "Ireland Dublin,Belgium Brussels,Netherlands Amsterdam,Switzerland Bern,Ukraine Kyiv,Moldova Chisinau,Armenia Yerevan,"
    "Georgia Tbilisi,Jordan Amman,Oman Muscat,Qatar Doha,Iran Tehran"
)
_TALK = (
    ("What is the capital of {0}?", "The capital of {0} is {1}."),
    ("Which city is the seat of government of {0}?", "{1} is where {0} is governed from."),
    ("I am in {1}. Which country am I in?", "You are in {0}, and {1} is its capital."),
    ("Name the main city of {0}, please.", "That would be {1}, the main city of {0}."),
    ("Is {1} in {0}?", "Yes. {1} lies in {0} and is its capital."),
)


def _turns() -> list[tuple[str, str]]:
    pairs = [pair.rsplit(" ", 1) for pair in _CAPITALS.split(",")]
    return [(_TALK[i % 5][0].format(*pair), _TALK[i % 5][1].format(*pair)) for i, pair in enumerate(pairs)]


def system(text: Any = SYSTEM, **more: Any) -> Row:
    return {"role": "system", "content": text, **more}


def user(text: Any = "Which river runs through Dresden?", **more: Any) -> Row:
    return {"role": "user", "content": text, **more}


def bot(text: Any = "The Elbe runs through Dresden.", **more: Any) -> Row:
    return {"role": "assistant", "content": text, **more}


def chat(*messages: Any, **more: Any) -> Row:
    """A row; the system message that all rows share stands first."""
    return {"messages": [system(), *messages], **more}


TURNS = _turns()
GOOD = [chat(user(question), bot(answer)) for question, answer in TURNS[:60]]
HELD_OUT = [chat(user(question), bot(answer)) for question, answer in TURNS[60:]]


def line(row: object) -> bytes:
    """A row as one line; bytes are taken as they are."""
    return row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()


def jsonl(rows: Iterable[object]) -> bytes:
    return b"".join(line(row) + b"\n" for row in rows)


def among(row: object, rows: list[Row] = GOOD) -> bytes:
    """A file of good rows with this one in line 7."""
    return jsonl([*rows[: LINE - 1], row, *rows[LINE - 1 :]])


@dataclass(frozen=True)
class Case:
    """A defect: `rule` says it, with these grades (E W I, or - for silence) for each of
    `targets`; the first finding stands at `line`, `pointer`.

    `also` are rules that rightly speak of the same defect; any other error or warning is noise.
    """

    name: str
    rule: str
    grades: str
    bad: bytes
    good: bytes
    line: int | None = LINE
    pointer: str | None = None
    method: str = "sft"
    model: str | None = None
    file: str = "train.jsonl"
    good_file: str = "train.jsonl"
    validation: bytes | None = field(default=jsonl(HELD_OUT), repr=False)
    good_validation: bytes | None = field(default=jsonl(HELD_OUT), repr=False)
    also: frozenset[str] = frozenset()
    near_duplicates: bool = False
    targets: tuple[str, ...] = TARGETS


def row_case(
    name: str, rule: str, grades: str, bad: object, good: object, pointer: str | None, also: str = "", **more: Any
) -> Case:
    """A defect in one row among good ones."""
    rows = more.pop("rows", GOOD)
    rules = frozenset(also.split())
    return Case(name, rule, grades, among(bad, rows), among(good, rows), pointer=pointer, also=rules, **more)
