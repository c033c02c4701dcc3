"""The rows of rules/targets.toml, and the refusals that follow from them."""

from __future__ import annotations

import tomllib
from functools import lru_cache

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.targets.target import Capabilities

FILE = "targets.toml"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: list[Capabilities]


def capabilities(rules: RuleFiles) -> dict[str, Capabilities]:
    """Every launch target by id.

    Raises:
        TuneGateError: `invalid_rules`.
    """
    return {row.id: row for row in _rows(rules.read(FILE))}


@lru_cache(maxsize=4)
def _rows(content: bytes) -> tuple[Capabilities, ...]:
    try:
        return tuple(msgspec.convert(tomllib.loads(content.decode()), _File).target)
    except (ValueError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error


def require_onnx(target: str, wanted: list[str], rules: RuleFiles, *, here: bool = False) -> None:
    """Refuse a target that hands back no ONNX where some is wanted, unless it is made `here` of what comes back.

    Raises:
        TuneGateError: `target_cannot_produce_onnx` with the targets that do.
    """
    rows = capabilities(rules)
    row = rows.get(target)
    if row is None or row.onnx or not wanted or (here and row.weights):
        return
    others = ", ".join(one.id for one in rows.values() if one.onnx)
    comes = "an adapter comes back" if row.weights else "no weights come back"
    raise TuneGateError(
        "target_cannot_produce_onnx",
        f"{row.title}: {comes}, no ONNX.",
        remedy=f"Plan for {others}, or ask for no ONNX (--onnx none).",
        errors=[ErrorItem("target", target, others, row.note or None)],
    )


def target_refusals(target: str, technique: str | None, rules: RuleFiles) -> list[ErrorItem]:
    """What of a target and a technique this version cannot launch."""
    rows = capabilities(rules)
    row = rows.get(target)
    if row is None or not row.built:
        allowed = ", ".join(one.id for one in rows.values() if one.built)
        named = f"{row.title} is known but not built yet" if row else f"{target!r} is not known"
        return [ErrorItem("target", target, allowed, f"This version does not launch on it: {named}.")]
    if technique is not None and technique not in row.techniques:
        why = f"{technique!r} has no trainer on {target!r}."
        return [ErrorItem("technique", technique, ", ".join(row.techniques), why)]
    return []


def measures(target: str, rules: RuleFiles) -> bool:
    """Whether a job on this target measures the model on its validation rows."""
    row = capabilities(rules).get(target)
    return row is None or row.measures


def elsewhere_refusals(target: str, *, goes_on: bool) -> list[ErrorItem]:
    """What a target elsewhere cannot take from this machine."""
    if target == "local" or not goes_on:
        return []
    return [ErrorItem("starts_from", f"a run of this machine, on {target}", "local", "Earlier runs are not sent yet.")]
