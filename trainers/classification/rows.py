"""Labelled rows as the linter knows them: a text (or a pair of texts) with its class, words with a tag each."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from trainers.contract import DatasetRef, label_name
from trainers.load import lines_text, read_rows
from trainers.problems import TrainerError

# a tag that is left out of the loss, in the files of others too
IGNORED_TAG = -100


class LabelledText(msgspec.Struct, frozen=True):
    """A text, the second one of a pair, its class (an index into the plan's labels) and its line."""

    line: int
    text: str
    pair: str | None
    label: int


class TaggedWords(msgspec.Struct, frozen=True):
    """Words with one tag each (an index into the plan's labels, -100: none) and their line."""

    line: int
    words: list[str]
    tags: list[int]


class _RawText(msgspec.Struct, frozen=True):
    label: bool | int | str
    text1: str | None = None
    text2: str | None = None
    text: str | None = None


class _RawWords(msgspec.Struct, frozen=True):
    tokens: list[str]
    tags: list[Any] | None = None
    ner_tags: list[Any] | None = None


def labelled_texts(reference: DatasetRef, labels: list[str], *, file: str) -> list[LabelledText]:
    """Every row of `text1` (or `text`), perhaps `text2`, and `label`.

    Raises:
        TrainerError: `invalid_input` with the lines of every row that cannot be read or has a label of its own.
    """
    ids = {name: index for index, name in enumerate(labels)}
    problems: defaultdict[str, list[int]] = defaultdict(list)
    rows = []
    for line, raw in read_rows(reference, _RawText):
        text, label = raw.text1 if raw.text1 is not None else raw.text, label_name(raw.label)
        if text is None or not text.strip() or (raw.text2 is not None and not raw.text2.strip()):
            problems["without a text"].append(line)
        elif label not in ids:
            problems["with a label that the plan does not name"].append(line)
        else:
            rows.append(LabelledText(line, text, raw.text2, ids[label]))
    refuse(problems, file)
    return rows


def tagged_words(reference: DatasetRef, labels: list[str], *, file: str) -> list[TaggedWords]:
    """Every row of `tokens` and `tags` (or `ner_tags`); raises as `labelled_texts`."""
    ids = {name: index for index, name in enumerate(labels)}
    problems: defaultdict[str, list[int]] = defaultdict(list)
    rows = []
    for line, raw in read_rows(reference, _RawWords):
        written = raw.tags if raw.tags is not None else raw.ner_tags
        if written is None or not all(isinstance(one, str | int) for one in written):
            problems["without tags that are names or whole numbers"].append(line)
            continue
        tags = [IGNORED_TAG if one == IGNORED_TAG else ids.get(label_name(one)) for one in written]
        known = [one for one in tags if one is not None]
        if not raw.tokens or len(written) != len(raw.tokens):
            problems["with another number of tags than of tokens"].append(line)
        elif len(known) < len(tags):
            problems["with a tag that the plan does not name"].append(line)
        else:
            rows.append(TaggedWords(line, raw.tokens, known))
    refuse(problems, file)
    return rows


def refuse(problems: dict[str, list[int]], file: str, remedy: str = "Mend the rows: tunegate lint.") -> None:
    """Raise when there is a problem.

    Raises:
        TrainerError: `invalid_input` with all lines of all problems.
    """
    if problems:
        found = "; ".join(f"{lines_text(sorted(lines))} {what}" for what, lines in problems.items())
        raise TrainerError("invalid_input", f"{file}: {found}.", remedy=remedy)
