"""Writes the example data: `python make_dataset.py [FOLDER]` makes train, validation, preferences, flawed and held-out.

Everything comes from topics.toml and a fixed seed, so the committed files can be checked against this script.
No question of the validation file stands in the training file, and no real person's data in either.
"""

from __future__ import annotations

import json
import random
import sys
import tomllib
from pathlib import Path
from typing import Any

from style import house_style

HERE = Path(__file__).parent
SEED = 20261121
VALIDATION_SHARE = 6  # every sixth question of a topic
SYSTEM = "You are the information desk of Fernhill Library. Answer every question in the house style."
THANKS = ["Thank you.", "Good to know.", "That helps, thank you.", "I see."]
OPENERS = ["Sure,", "Hello!", "Of course,", "Good question:", "Happy to help:", "Well,"]
CLOSERS = ["Let me know if you need more.", "I hope that helps.", "Have a nice day!", "See you soon."]
PREFERENCES = 120
WELCOME = ["You are welcome.", "My pleasure.", "Any time."]
TOOL = {
    "type": "function",
    "function": {
        "name": "find_item",
        "description": "Look up how many copies are on the shelf.",
        "parameters": {
            "type": "object",
            "properties": {"item": {"type": "string"}, "branch": {"type": "string"}},
            "required": ["item"],
        },
    },
}
Row = dict[str, Any]


def topics() -> list[dict[str, Any]]:
    """The topics of the desk."""
    found: list[dict[str, Any]] = tomllib.loads((HERE / "topics.toml").read_text())["topic"]
    return found


def capital(text: str) -> str:
    """The text as a sentence starts."""
    return text[0].upper() + text[1:]


def exchanges(topic: dict[str, Any]) -> list[tuple[str, str]]:
    """(question, answer in house style) for every question and value of a topic."""
    pairs = []
    for value in topic["x"]:
        steps = [capital(step.format(x=value)) for step in topic["steps"]]
        answer = house_style(sentence=capital(topic["answer"].format(x=value)), steps=steps, code=topic["code"])
        pairs += [(capital(question.format(x=value)), answer) for question in topic["questions"]]
    return pairs


def plain_answer(fact: str, chance: random.Random) -> str:
    """An answer in the plain, friendly voice of the base model."""
    return f"{chance.choice(OPENERS)} {fact}. {chance.choice(CLOSERS)}"


def careless_answer(answer: str) -> str:
    """An answer in house style with the slips of a hurried desk: steps that are not numbered, no reference."""
    head, _, rest = answer.partition("Next steps:\n")
    first, second, _ = rest.split("\n")
    return f"{head}Next steps: {first[3:-1]}, then {second[3:4].lower()}{second[4:]}"


def single(question: str, answer: str) -> Row:
    """One question, one answer."""
    return {"messages": [_system(), _user(question), _assistant(answer)]}


def follow_up(first: tuple[str, str], second: tuple[str, str], chance: random.Random) -> Row:
    """Two questions; small talk between them carries weight 0, it is not what we want to teach."""
    messages = [_system(), _user(first[0]), _assistant(first[1])]
    if chance.random() < 0.5:
        messages += [_user(chance.choice(THANKS)), _assistant(chance.choice(WELCOME)) | {"weight": 0}]
    return {"messages": [*messages, _user(second[0]), _assistant(second[1]) | {"weight": 1}]}


def with_tool(number: int, item: str, copies: int) -> Row:
    """The desk looks an item up before it answers."""
    call = {
        "id": f"call{number:05d}",
        "type": "function",
        "function": {"name": "find_item", "arguments": json.dumps({"item": item})},
    }
    answer = house_style(
        sentence=f"There are {copies} copies of {item} on the shelf",
        steps=[f"Take {item} from the shelf", "Borrow it at the loan machine"],
        code="SH",
    )
    return {
        "messages": [
            _system(),
            _user(f"How many copies of {item} number {number} are on the shelf?"),
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": json.dumps({"copies": copies})},
            _assistant(answer),
        ],
        "tools": [TOOL],
    }


def questions(chance: random.Random) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(question, answer) to train on and to hold out, no question in both."""
    known: list[tuple[str, str]] = []
    unseen: list[tuple[str, str]] = []
    for topic in topics():
        pairs = exchanges(topic)
        chance.shuffle(pairs)
        cut = len(pairs) // VALIDATION_SHARE
        unseen += pairs[:3]
        known += pairs[cut : cut + 17]
    chance.shuffle(known)
    chance.shuffle(unseen)
    return known, unseen


def preferences() -> tuple[list[Row], list[Row]]:
    """(train, validation) pairs over the questions of `splits`: house style before a plain or a careless answer."""
    known, unseen = questions(random.Random(SEED))
    chance = random.Random(SEED + 1)
    plain = {
        capital(question.format(x=value)): plain_answer(chance.choice(topic["plain"]).format(x=value), chance)
        for topic in topics()
        for value in topic["x"]
        for question in topic["questions"]
    }

    def pair(question: str, answer: str) -> Row:
        other = plain[question] if chance.random() < 0.5 else careless_answer(answer)
        return {
            "input": {"messages": [_system(), _user(question)]},
            "preferred_output": [_assistant(answer)],
            "non_preferred_output": [_assistant(other)],
        }

    return [pair(*one) for one in known[:PREFERENCES]], [pair(*one) for one in unseen]


def splits() -> tuple[list[Row], list[Row]]:
    """(train, validation) rows, shuffled by the seed; questions are split before rows are built."""
    chance = random.Random(SEED)
    known, unseen = questions(chance)
    train = [follow_up(*known[2 * i : 2 * i + 2], chance) for i in range(35)]
    train += [single(*pair) for pair in known[70:]]
    items = ["the river atlas", "the bread book", "the star map", "the bird guide", "the knot manual"]
    train += [with_tool(n, items[n % 5], 2 + n % 4) for n in range(1, 21)]
    chance.shuffle(train)
    return train, [single(*pair) for pair in unseen]


def flawed(train: list[Row]) -> list[str]:
    """The training lines with the mistakes that people make, each where a comment says so."""
    rows = [json.loads(json.dumps(row)) for row in train]
    rows[4]["messages"][-1]["weight"] = True  # a flag instead of 0 or 1
    rows[9]["messages"][1]["weight"] = 1  # weight on a user message
    rows[14]["messages"][1]["role"] = "User"  # wrong case
    rows[19]["messages"].append(_user("And on Sunday?"))  # ends without an answer
    rows[24]["messages"][-1]["content"] = ""  # an empty answer
    rows[29]["messages"] = rows[29]["messages"][:2]  # no assistant message at all
    rows[34] = rows[33]  # a duplicate
    rows[39]["messages"][-1]["content"] += "<|end|>"  # template tokens inside the text
    rows[44]["text"] = rows[44].pop("messages")[-1]["content"]  # another shape
    tool = next(i for i, row in enumerate(rows) if "tools" in row)
    rows[tool]["messages"][2]["tool_calls"][0]["function"]["arguments"] = "{item: atlas}"  # not JSON
    rows[tool]["messages"][3]["tool_call_id"] = "call99999"  # answers no call
    lines = [_line(row) for row in rows]
    lines[49] = lines[49][: len(lines[49]) // 2]  # cut off in the middle
    return lines


def main(folder: Path) -> None:
    """Write the files."""
    train, validation = splits()
    preferred, preferred_unseen = preferences()
    files = {
        "train.jsonl": [_line(row) for row in train],
        "validation.jsonl": [_line(row) for row in validation],
        "preferences.jsonl": [_line(row) for row in preferred],
        "preferences-validation.jsonl": [_line(row) for row in preferred_unseen],
        "flawed.jsonl": flawed(train),
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    held_out = {"messages": [_system(), _user("Until when is the library open on Friday?")]}
    (folder / "heldout.json").write_text(json.dumps(held_out, indent=2) + "\n", encoding="utf-8")


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)


def _system() -> dict[str, str]:
    return {"role": "system", "content": SYSTEM}


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> Row:
    return {"role": "assistant", "content": text}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
