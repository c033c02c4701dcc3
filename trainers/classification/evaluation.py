"""What a classifier says of samples, and how right it is: the same figures for PyTorch and for an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trainers.classification.measures import class_measures, entity_measures, is_iob2
from trainers.classification.rows import IGNORED_TAG
from trainers.classification.samples import Sample, padded
from trainers.evaluation import ROW_LOSS

BATCH_ROWS = 16
_OUTSIDE = "O"
_NOTHING = -1


def batches(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """The samples in the order of the file, so many at a time."""
    for start in range(0, len(samples), BATCH_ROWS):
        yield list(samples[start : start + BATCH_ROWS])


def torch_logits(model: Any, samples: Sequence[Sample], *, pad_id: int) -> list[Any]:
    """fp32 logits of each sample, in padded batches: (labels,) of a text, (tokens, labels) of words."""
    import torch

    found = []
    for batch in batches(samples):
        inputs = {name: value.to(model.device) for name, value in padded(batch, pad_id).items() if name != "labels"}
        with torch.inference_mode():
            logits = model(**inputs).logits.float().cpu().numpy()
        found += unpadded(batch, logits)
    return found


def unpadded(samples: Sequence[Sample], logits: Any) -> list[Any]:
    """Each sample's own logits out of those of a padded batch."""
    return [one[: len(sample.input_ids)] if one.ndim > 1 else one for sample, one in zip(samples, logits, strict=True)]


def mean_loss(samples: Sequence[Sample], logits: Sequence[Any]) -> float | None:
    """Mean cross-entropy (nats) per row, or per labelled token over all rows together."""
    losses = _losses(samples, logits)
    count = sum(labels for _, labels in losses)
    return sum(loss for loss, _ in losses) / count if count else None


def row_scores(
    samples: Sequence[Sample], logits: Sequence[Any], labels: Sequence[str]
) -> dict[str, list[float | None]]:
    """Of each row its loss per label (nats), and the share of its labels that are right; null without a label."""
    accuracy: list[float | None] = []
    for sample, values in zip(samples, logits, strict=True):
        said = zip(sample.words or sample.labels, answered(sample, values, labels), strict=True)
        right = [wanted == given for wanted, given in said if wanted != IGNORED_TAG]
        accuracy.append(sum(right) / len(right) if right else None)
    losses = [loss / count if count else None for loss, count in _losses(samples, logits)]
    return {ROW_LOSS: losses, "accuracy": accuracy}


def _losses(samples: Sequence[Sample], logits: Sequence[Any]) -> list[tuple[float, int]]:
    """(cross-entropy over its labels, how many there are) of each row."""
    import numpy as np

    found = []
    for sample, values in zip(samples, logits, strict=True):
        rows = np.atleast_2d(values).astype(np.float64)
        labels = np.array(sample.labels)
        places = np.flatnonzero(labels != IGNORED_TAG)
        kept = rows[places] - rows[places].max(axis=1, keepdims=True)
        chosen = kept[np.arange(len(places)), labels[places]]
        found.append((float((np.log(np.exp(kept).sum(axis=1)) - chosen).sum()), len(places)))
    return found


def answered(sample: Sample, logits: Any, labels: Sequence[str]) -> list[int]:
    """The class of a text, or the tag of each word; a word without a token is tagged as no entity, if tags say so."""
    if not sample.words:
        return [int(logits.argmax())]
    outside = labels.index(_OUTSIDE) if _OUTSIDE in labels else _NOTHING
    return [int(logits[place].argmax()) if place >= 0 else outside for place in sample.places]


def measured(samples: Sequence[Sample], logits: Sequence[Any], labels: Sequence[str]) -> dict[str, Any]:
    """All measures of the samples; of tags `accuracy` and `macro_f1` are per word, and `entity_*` per entity."""
    said = [answered(sample, values, labels) for sample, values in zip(samples, logits, strict=True)]
    wanted = [sample.words or sample.labels for sample in samples]
    # a word that the file leaves out of the loss is left out here
    pairs = [pair for one, other in zip(wanted, said, strict=True) for pair in zip(one, other, strict=True)]
    pairs = [pair for pair in pairs if pair[0] != IGNORED_TAG]
    figures = class_measures([one for one, _ in pairs], [other for _, other in pairs], labels)
    figures = {"rows": len(samples), "validation_loss": mean_loss(samples, logits)} | figures
    if not samples[0].words:
        return figures
    figures["token_accuracy"] = figures.pop("accuracy")
    if is_iob2(labels):
        named = [[_named(one, labels) for one in row] for row in wanted]
        figures |= entity_measures(named, [[_named(one, labels) for one in row] for row in said])
    return figures


def headline(measures: dict[str, Any]) -> float:
    """The F1 by which two models are compared: of entities where the tags mark them, else the mean over labels."""
    return float(measures.get("entity_f1", measures["macro_f1"]))


def _named(label: int, labels: Sequence[str]) -> str:
    return labels[label] if label >= 0 else _OUTSIDE
