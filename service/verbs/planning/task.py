"""What the rows of a plan are for: the task, told by their shape, and the labels that a classification has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.launch.request import PlanChoices
from service.launch.tasks import task_of
from service.lint.labelled import labels_of
from service.lint.shape import CLASSIFICATION, TOKEN_TAGS, shape_of
from trainers.contract import Choice, Task, label_name, label_order

_LOOKED_AT = 200
_MOST_LABELS, _LONGEST_LABEL = 1000, 100
_TASK_OF: dict[str, Task] = {
    "chat": "chat", CLASSIFICATION: "text-classification", TOKEN_TAGS: "token-classification"
}  # fmt: skip
_ROWS: dict[Task, str] = {
    "chat": "chats (messages)",
    "text-classification": "texts with a label (text1, perhaps text2, label)",
    "token-classification": "words with a tag each (tokens, ner_tags)",
}


def with_task(choices: PlanChoices, data: Path) -> tuple[PlanChoices, list[Choice]]:
    """The choices with their task; one that nobody named is taken from rows that are all of one kind, and noted.

    Raises:
        TuneGateError: `invalid_input` when the rows are of another task than was asked for.

    """
    shapes = Counter(shape_of(row) for row in islice(_rows(data), _LOOKED_AT))
    found = {_TASK_OF[shape] for shape in shapes if shape in _TASK_OF}
    others = sorted(found - {choices.task})
    if choices.task is not None and others:
        seen = f"{choices.task}, but rows of the file are {' and '.join(_ROWS[one] for one in others)}"
        raise TuneGateError(
            "invalid_input",
            "The rows are not of the task.",
            errors=[ErrorItem("task", seen, _ROWS[choices.task], f"Task {' or '.join(others)}, or other data.")],
        )
    if choices.task is not None or len(shapes) != 1 or found in (set(), {"chat"}):
        return choices, []
    (task,) = found
    why = f"the rows are {_ROWS[task]}"
    return msgspec.structs.replace(choices, task=task), [Choice("task", task, why)]


def labels_for(choices: PlanChoices, data: Path, config: Mapping[str, Any]) -> tuple[list[str], list[Choice]]:
    """The labels of all training rows by their ids: as the model's own head has them, else in a fixed order.

    Raises:
        TuneGateError: `invalid_input` where the label column holds no classes.

    """
    if task_of(choices) == "chat":
        return [], []
    labels = label_order({label for row in _rows(data) for label in labels_of(row)})
    longest = max(map(len, labels), default=0)
    if not 1 < len(labels) <= _MOST_LABELS or longest > _LONGEST_LABEL:
        seen = f"{len(labels)} different labels, the longest of {longest} characters"
        allowed = f"2 to {_MOST_LABELS} labels of up to {_LONGEST_LABEL} characters"
        raise TuneGateError(
            "invalid_input",
            "The training rows cannot be classified.",
            errors=[ErrorItem("label", seen, allowed, "A label names one of a few classes.")],
        )
    own = _own_labels(config)
    if set(own) == set(labels):
        return own, [Choice("head", "the model's own", "it has the labels of the training data; their order is kept")]
    why = "the model has no head for a classification"
    if own:
        why = f"the model's own has other labels ({len(own)}); nothing of its last layer is kept"
    return labels, [Choice("head", "fresh, drawn from the seed", why)]


def _own_labels(config: Mapping[str, Any]) -> list[str]:
    """Of the head that the config speaks of; none for a base model."""
    names = config.get("id2label")
    kinds = " ".join(map(str, config.get("architectures") or []))
    if not isinstance(names, dict) or "Classification" not in kinds or not all(one.isdigit() for one in names):
        return []
    return [label_name(str(names[one])) for one in sorted(names, key=int)]


def _rows(data: Path) -> Iterator[dict[str, Any]]:
    """Every line that is an object; what cannot be read is the linter's to say."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    try:
        with data.open("rb") as lines:
            for line in lines:
                try:
                    yield decoder.decode(line.removeprefix(b"\xef\xbb\xbf"))
                except (ValueError, RecursionError):
                    continue
    except OSError:
        return
