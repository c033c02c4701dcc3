"""Rows where there are no documents: the persona grid, its topics, and what is wrong with one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from scripted_endpoint import Endpoint

from service.errors import TuneGateError
from tests.synth.conftest import Ask, rows_of

GRID = """
topics = ["changing a delivery date", "a broken lamp"]
[dimensions]
manner = ["in a hurry", "very polite"]
experience = ["new", "an expert", "in charge of others"]
"""


def test_topics_come_in_turn_and_every_cell_differs(endpoint: Endpoint, ask: Ask) -> None:
    Path("grid.toml").write_text(GRID)
    made = ask(kind="personas", sources=[], grid=Path("grid.toml"), topics=["a lost key"], rows=18).record
    origins = rows_of(Path("out.provenance.jsonl"))
    assert Counter(one["topic"] for one in origins) == {
        "changing a delivery date": 6, "a broken lamp": 6, "a lost key": 6,
    }  # fmt: skip
    assert len({(one["topic"], one["persona"]) for one in origins}) == 18
    assert made.coverage == 1.0
    assert made.settings["cells"] == 18
    assert all(one["document"] is None for one in origins)


def test_what_is_personal_in_a_grid_is_not_sent(endpoint: Endpoint, ask: Ask) -> None:
    ask(kind="personas", sources=[], topics=["mail to bea.lang@quokkas.org came back"], rows=10)
    assert endpoint.bodies
    assert not any("bea.lang" in str(body) for body in endpoint.bodies)
    assert "bea.lang" not in Path("out.synth.json").read_text() + Path("out.provenance.jsonl").read_text()


def test_the_shipped_grid_needs_topics(ask: Ask) -> None:
    with pytest.raises(TuneGateError) as raised:
        ask(kind="personas", sources=[])
    assert [one.where for one in raised.value.errors] == ["topics"]


def test_all_that_is_wrong_with_a_grid_is_told(ask: Ask) -> None:
    Path("grid.toml").write_text('topics = ["a"]\nhue = 1\n[dimensions]\nmanner = "hasty"\n')
    with pytest.raises(TuneGateError) as raised:
        ask(kind="personas", sources=[], grid=Path("grid.toml"))
    assert len(raised.value.errors) == 2
    Path("grid.toml").write_text('topics = ["a"]\n[dimensions]\nmanner = []\nage = ["x", "x"]\n')
    with pytest.raises(TuneGateError) as raised:
        ask(kind="personas", sources=[], grid=Path("grid.toml"))
    assert [one.where for one in raised.value.errors] == ["dimensions.manner", "dimensions.age"]
