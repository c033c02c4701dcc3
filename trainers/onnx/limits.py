"""What each precision must reach, read from limits.toml, and the precision to fall back on."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import msgspec

from trainers.contract import ONNX_PRECISIONS, OnnxResult, ParityResult, Provider, QualityResult

_TABLE = Path(__file__).with_name("limits.toml")


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the table; its head says what the columns mean."""

    relative_logit_diff: float
    token_agreement: float
    near_tie: float
    loss_increase: float
    f1_drop: float
    next: str | None = None


@functools.cache
def limits() -> dict[str, Limit]:
    """What each precision must reach."""
    table = tomllib.loads(_TABLE.read_text())
    return msgspec.convert({name: row for name, row in table.items() if isinstance(row, dict)}, dict[str, Limit])


def next_precision(precision: str, provider: Provider) -> str | None:
    """The more exact precision to offer instead, among those that the provider runs; None when there is none."""
    following = limits()[precision].next
    while following is not None and following not in ONNX_PRECISIONS[provider]:
        following = limits()[following].next
    return following


def failures(precision: str, parity: ParityResult, quality: QualityResult) -> list[str]:
    """Every limit that is not met, with both numbers; empty when the file may be shipped."""
    limit = limits()[precision]
    found = []
    # `not <=` so that a difference that is not a number fails too
    if not parity.relative_logit_diff <= limit.relative_logit_diff:
        found.append(
            f"relative logit difference {parity.relative_logit_diff:.2g} (at most {limit.relative_logit_diff:g})"
        )
    what, compared, equal = "greedy tokens", parity.greedy_tokens_compared, parity.greedy_tokens_equal
    if parity.predictions_compared is not None:
        what, compared, equal = "predictions", parity.predictions_compared, parity.predictions_equal or 0
    agreement = (equal + parity.near_ties) / compared
    if agreement < limit.token_agreement:
        found.append(f"equal {what} {agreement:.3f} (at least {limit.token_agreement:g})")
    if not quality.loss_increase <= limit.loss_increase:
        found.append(
            f"loss on the {quality.split} rows {quality.loss:.4f} against {quality.reference_loss:.4f}, "
            f"{quality.loss_increase:+.4f} nats (at most {limit.loss_increase:+g})"
        )
    if quality.f1 is not None and quality.reference_f1 is not None:
        drop = quality.reference_f1 - quality.f1
        if not drop <= limit.f1_drop:
            found.append(
                f"F1 on the {quality.split} rows {quality.f1:.4f} against {quality.reference_f1:.4f} "
                f"(at most {limit.f1_drop:g} lower)"
            )
    return found


def result_failures(result: OnnxResult) -> list[str]:
    """The same of a whole result; one without a quality has no limit to miss there."""
    return failures(result.precision, result.parity, result.quality) if result.quality else []
