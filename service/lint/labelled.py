"""The labels of rows that are no chats: classes of texts, and tags of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.lint.check import kind
from service.lint.keys import text_hash
from service.lint.shape import CLASSIFICATION, TAG_KEYS, TOKEN_TAGS, shape_of

# left out of the loss by every trainer on PyTorch: its cross entropy ignores this index
IGNORED_TAG = -100


def tags_of(data: dict[str, Any]) -> tuple[str, Any] | None:
    """(key, value) of the tags of a row, or None."""
    return next(((key, data[key]) for key in TAG_KEYS if key in data), None)


def labels_of(data: dict[str, Any]) -> Iterator[str | int]:
    """Every usable label of a row: its class, or the tags of its tokens; not for any message, as it is data."""
    shape = shape_of(data)
    found: list[Any] = []
    if shape == CLASSIFICATION:
        found = [data.get("label")]
    elif shape == TOKEN_TAGS:
        tags = tags_of(data)
        found = tags[1] if tags is not None and isinstance(tags[1], list) else []
    for label in found:
        if isinstance(label, str | int) and label != IGNORED_TAG:
            yield label


def label_hashes(data: dict[str, Any]) -> set[int]:
    """A hash for each label of a row; `1`, `"1"` and `true` are three labels."""
    return {text_hash(f"{name} {label}") for name, label in {(kind(label), label) for label in labels_of(data)}}


def label_kinds(data: dict[str, Any]) -> set[str]:
    """The JSON types of a row's labels."""
    return {kind(label) for label in labels_of(data)}
