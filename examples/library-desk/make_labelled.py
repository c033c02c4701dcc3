"""Writes the labelled rows of the example: `python make_labelled.py [FOLDER]`.

`intents-*.jsonl`: what a visitor asks about, one of 15 topics (text classification). `entities-*.jsonl`: words with
IOB2 tags of items, branches, rooms and days (token classification). Everything comes from topics.toml, the lists
below and a fixed seed; no row of a validation file stands in the training file, and a few names of its entities do not
stand there at all. The sentences are of few patterns: they show that a pipeline works, not how well a model would do.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from make_dataset import capital, topics

HERE = Path(__file__).parent
SEED = 20261121
VALIDATION_SHARE = 4  # every fourth question of a topic
INTENTS = {
    "HR": "opening-hours", "LN": "loan-period", "RN": "renewal", "HD": "reservation", "FN": "fines",
    "LS": "lost-items", "RM": "rooms", "PR": "printing", "EV": "events", "CD": "library-card", "EB": "e-books",
    "WF": "network", "ML": "branches", "DN": "donations", "AC": "access",
}  # fmt: skip
# the last two of each stand in validation rows alone
NAMES = {
    "ITEM": [
        "river atlas", "bread book", "star map", "bird guide", "knot manual", "moss almanac", "tide table",
        "garden primer", "cloud atlas", "soup book",
    ],
    "BRANCH": ["north branch", "harbour branch", "station branch", "park branch", "school branch", "mill branch"],
    "ROOM": ["study room", "music room", "meeting room", "reading room", "quiet room", "small room"],
    "DAY": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}  # fmt: skip
PATTERNS = [
    "Can I return the ITEM at the BRANCH on DAY ?",
    "Is the ITEM on loan until DAY ?",
    "I left the ITEM in the ROOM of the BRANCH .",
    "Please hold the ITEM for me at the BRANCH .",
    "Can our group book the ROOM on DAY ?",
    "When does the BRANCH open on DAY ?",
    "Please move the ROOM booking from DAY to DAY .",
    "Send the ITEM and the ITEM to the BRANCH .",
    "Is the ROOM of the BRANCH free ?",
    "May I read the ITEM in the ROOM ?",
]
SPARED = 2
ROWS = {"train": 240, "validation": 80}
Row = dict[str, Any]


def intents() -> tuple[list[Row], list[Row]]:
    """(train, validation) rows of a question and its topic."""
    chance = random.Random(SEED)
    known: list[Row] = []
    unseen: list[Row] = []
    for topic in topics():
        label = INTENTS[topic["code"]]
        asked = [capital(one.format(x=value)) for value in topic["x"] for one in topic["questions"]]
        chance.shuffle(asked)
        rows = [{"text1": text, "label": label} for text in asked]
        cut = len(rows) // VALIDATION_SHARE
        unseen += rows[:cut]
        known += rows[cut:]
    chance.shuffle(known)
    chance.shuffle(unseen)
    return known, unseen


def entities() -> tuple[list[Row], list[Row]]:
    """(train, validation) rows of words and their tags."""
    chance = random.Random(SEED)
    seen = {kind: names[:-SPARED] for kind, names in NAMES.items()}
    train = list(itertools.islice(_rows(seen, chance, set()), ROWS["train"]))
    taken = {" ".join(row["tokens"]) for row in train}
    return train, list(itertools.islice(_rows(NAMES, chance, taken), ROWS["validation"]))


def tagged(pattern: str, names: dict[str, list[str]], chance: random.Random) -> Row:
    """A pattern with names in the places of their kinds."""
    words: list[str] = []
    tags: list[str] = []
    for word in pattern.split():
        parts = chance.choice(names[word]).split() if word in names else [word]
        words += parts
        tags += [f"{'I' if at else 'B'}-{word}" for at in range(len(parts))] if word in names else ["O"]
    return {"tokens": words, "ner_tags": tags}


def _rows(names: dict[str, list[str]], chance: random.Random, taken: set[str]) -> Iterator[Row]:
    for pattern in itertools.cycle(PATTERNS):
        row = tagged(pattern, names, chance)
        text = " ".join(row["tokens"])
        if text not in taken:
            taken.add(text)
            yield row


def main(folder: Path) -> None:
    """Write the four files."""
    for name, parts in (("intents", intents()), ("entities", entities())):
        for part, rows in zip(("train", "validation"), parts, strict=True):
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
            (folder / f"{name}-{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
