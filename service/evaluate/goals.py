"""Reads what is enough: a measure with a side, an amount on its scale, and what an answer may cost and last."""

from __future__ import annotations

import re

from service.errors import ErrorItem, suggestion
from service.evaluate.measures.catalogue import NAMES, known, measure_of, scale
from service.records.evaluation import Goal

_PART = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.]*)\s*(>=|<=)\s*(\d+(?:\.\d+)?)\s*(%?)\s*")
# what an answer may cost and last, beside its quality
_AT_MOST = ("usd_per_1000", "latency_p95_s")
_PERCENT = 100
_ALLOWED = "one MEASURE>=NUMBER (exact_match>=90%); with commas also usd_per_1000<=N and latency_p95_s<=N"


def read_goal(said: str | None, errors: list[ErrorItem]) -> Goal | None:
    """The goal of "exact_match>=90%,usd_per_1000<=2"; what is wrong with any part of it is noted in `errors`.

    A percentage is of the measure's scale: 90% is 0.9 of a share and 90 of a score from 0 to 100.
    """
    if said is None:
        return None
    found = [one for one in map(_PART.fullmatch, said.split(",")) if one is not None]
    limits = [one for one in found if one[1] in _AT_MOST]
    measures = [one for one in found if one[1] not in _AT_MOST]
    twice = len({one[1] for one in limits}) < len(limits)
    if len(found) < said.count(",") + 1 or len(measures) != 1 or twice:
        errors.append(ErrorItem("goal", repr(said[:60]), _ALLOWED))
        return None
    wrong = [_limit_error(one) for one in limits] + [_measure_error(measures[0])]
    errors += [one for one in wrong if one is not None]
    if any(wrong):
        return None
    most = {one[1]: float(one[3]) for one in limits}
    name = measures[0][1]
    return Goal(name, _amount(measures[0]), most.get("usd_per_1000"), most.get("latency_p95_s"))


def name_error(name: str) -> ErrorItem | None:
    """Why there can be no goal on a measure of this name."""
    if not known(name):
        return ErrorItem("goal", name[:60], ", ".join(NAMES), suggestion(name, NAMES) or None)
    if measure_of(name).better == "neither":
        allowed = "one of the measures with a better side"
        return ErrorItem("goal", name, allowed, "More of it is neither better nor worse.")
    return None


def side(name: str) -> str:
    """The operator of goals on a measure."""
    return "<=" if measure_of(name).better == "lower" else ">="


def _amount(part: re.Match[str]) -> float:
    return float(part[3]) * scale(part[1]) / _PERCENT if part[4] else float(part[3])


def _measure_error(part: re.Match[str]) -> ErrorItem | None:
    name = part[1]
    wrong = name_error(name)
    if wrong is not None:
        return wrong
    seen = "".join(part.groups())
    if part[2] != side(name):
        better = measure_of(name).better
        return ErrorItem("goal", seen[:60], f"{name}{side(name)}NUMBER", f"{better.capitalize()} is better here.")
    most = scale(name)
    if _amount(part) <= most:
        return None
    meant = not part[4] and float(part[3]) <= _PERCENT
    remedy = f"Did you mean {name}{side(name)}{part[3]}%?" if meant else None
    return ErrorItem("goal", seen[:60], f"from 0 to {most:g}, or from 0% to 100%", remedy)


def _limit_error(part: re.Match[str]) -> ErrorItem | None:
    if part[2] == "<=" and not part[4]:
        return None
    return ErrorItem("goal", "".join(part.groups())[:60], f"{part[1]}<=NUMBER", "It is an upper limit, in units.")
