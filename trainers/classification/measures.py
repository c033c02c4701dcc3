"""Accuracy and F1 of classes, and F1 of entities.

Entities are spans of the IOB2 scheme (every entity begins with B-; Tjong Kim Sang and Veenstra 1999, EACL 23): B-X and
all I-X that follow it; an I-X with neither before it begins nothing. As in CoNLL-2003 an entity is right only if its
kind and both its ends are (Tjong Kim Sang and De Meulder 2003, W03-0419), and precision, recall and F1 count over all
entities of all rows. That is what seqeval calls its strict mode.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Span = tuple[str, int, int]

_IOB2 = re.compile(r"O|[BI]-.+", re.DOTALL)


def is_iob2(labels: Iterable[str]) -> bool:
    """Whether tags of these names mark entities: all of the scheme, and one that begins an entity."""
    names = list(labels)
    return all(_IOB2.fullmatch(name) for name in names) and any(name.startswith("B-") for name in names)


def spans(tags: Sequence[str]) -> set[Span]:
    """(kind, first word, word after the last) of every entity."""
    found: set[Span] = set()
    kind, start = "", 0
    for at, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            found.add((kind, start, at))
            kind = ""
        if tag.startswith("B-"):
            kind, start = tag[2:], at
    return found


def class_measures(gold: Sequence[int], predicted: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro F1 and the figures of each label; `majority_*` of always saying the most frequent label.

    Macro F1 is the plain mean over the labels that are wanted or given at least once. A prediction outside of the
    labels is wrong and nothing else.
    """
    wanted = Counter(gold)
    given = Counter(predicted)
    hits = Counter(one for one, other in zip(gold, predicted, strict=True) if one == other)
    seen = [index for index in range(len(labels)) if wanted[index] or given[index]]
    each = {labels[one]: _figures(hits[one], wanted[one], given[one]) for one in seen}
    most = max(wanted.values(), default=0)
    majority_f1 = _figures(most, most, len(gold))["f1"]
    return {
        "accuracy": hits.total() / len(gold) if gold else 0.0,
        "macro_f1": _mean([figures["f1"] for figures in each.values()]),
        "majority_accuracy": most / len(gold) if gold else 0.0,
        "majority_macro_f1": majority_f1 / len(wanted) if wanted else 0.0,
        "labels": each,
    }


def entity_measures(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Precision, recall and F1 over the entities of all rows together, and of each kind."""
    wanted: Counter[str] = Counter()
    given: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for one, other in zip(gold, predicted, strict=True):
        right, said = spans(one), spans(other)
        wanted.update(kind for kind, *_ in right)
        given.update(kind for kind, *_ in said)
        hits.update(kind for kind, *_ in right & said)
    total = _figures(hits.total(), wanted.total(), given.total())
    return {
        "entity_f1": total["f1"],
        "entity_precision": total["precision"],
        "entity_recall": total["recall"],
        "entities": {kind: _figures(hits[kind], wanted[kind], given[kind]) for kind in sorted(wanted | given)},
    }


def _figures(hits: int, wanted: int, given: int) -> dict[str, float]:
    """Zero where nothing is wanted or given; `support` counts what is wanted."""
    return {
        "precision": hits / given if given else 0.0,
        "recall": hits / wanted if wanted else 0.0,
        "f1": 2 * hits / (wanted + given) if wanted + given else 0.0,
        "support": wanted,
    }


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
