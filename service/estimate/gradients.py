"""Gradient bytes."""

from __future__ import annotations

from service.estimate.adapters import trained_parameters
from service.estimate.notation import Case

SOURCE = "trained parameters x their bytes"


def gradient_bytes(case: Case) -> int:
    """G: one gradient per trained parameter, in its dtype."""
    return trained_parameters(case) * case.g
