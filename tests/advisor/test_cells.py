"""Cells and pieces: what is refused, and that testing one value per piece is exact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.advisor.cells import Cell, CellError, parse_cell
from service.advisor.pieces import distance, nearest, pieces
from service.advisor.vocabulary import FactKind

ROWS = FactKind(name="n", type="number", ask="?", integer=True, min=0, max=1000, unit="rows")
SHARE = FactKind(name="x", type="number", ask="?", min=0, max=1)
KIND = FactKind(name="k", type="choice", ask="?", values=["none", "format", "behaviour"])
MANY = FactKind(name="many", type="list", ask="?", values=["a", "b", "c", "d"])
FLAG = FactKind(name="f", type="flag", ask="?")


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("[13 .. 7)", ROWS, "empty or reversed"),
        ("(5 .. 5]", ROWS, "empty or reversed"),
        ("under 50", ROWS, "a number in rows; 'under 50' is not one of '< 24'"),
        ("5e3", ROWS, "not one of"),
        ("> 2000", ROWS, "outside"),
        ("format | format", KIND, "twice"),
        ("format |", KIND, "empty alternative"),
        ("", KIND, "empty alternative"),
        ("not none | format | behaviour", KIND, "leaves no value"),
        ("nome", KIND, "Did you mean 'none'?"),
        ("true", FLAG, "'yes' or 'no'"),
        (50, ROWS, '"n" = "= 50"'),
        (True, FLAG, '"f" = "yes"'),
        ({"kind": "none"}, KIND, "quote names with dots"),
        ("x", FactKind(name="t", type="text", ask="?"), "no rule can test it"),
    ],
)
def test_what_a_cell_cannot_say_is_refused(text: object, kind: FactKind, said: str) -> None:
    with pytest.raises(CellError, match=said.replace("[", r"\[").replace("(", r"\(").replace("?", r"\?")):
        parse_cell(text, kind)


def test_a_list_passes_when_one_item_does_and_a_negated_one_when_none_does() -> None:
    assert parse_cell("a | b", MANY).accepts(["b", "d"])
    assert not parse_cell("a | b", MANY).accepts(["c"])
    assert parse_cell("not a | b", MANY).accepts(["c", "d"])
    assert not parse_cell("not a | b", MANY).accepts(["a", "c"])


def cells(kind: FactKind) -> st.SearchStrategy[Cell]:
    number = st.integers(0, 60) if kind.integer else st.integers(0, 20).map(lambda n: n / 20)
    signs = st.sampled_from(["<", "<=", ">", ">=", "="])
    return st.tuples(signs, number).map(lambda pair: parse_cell(f"{pair[0]} {pair[1]}", kind))


@pytest.mark.parametrize("kind", [ROWS, SHARE], ids=["integer", "real"])
@given(data=st.data())
def test_every_number_is_judged_like_the_representative_of_its_piece(kind: FactKind, data: st.DataObject) -> None:
    tests = data.draw(st.lists(cells(kind), min_size=1, max_size=4))
    value: Any = data.draw(st.integers(0, 80) if kind.integer else st.floats(0, 1))
    found = pieces(kind, tests)
    verdicts = [[cell.accepts(piece.value) for cell in tests] for piece in found]
    assert [cell.accepts(value) for cell in tests] in verdicts
    assert all(kind.min <= piece.value <= kind.max for piece in found)  # type: ignore[operator]
    holding = [piece for piece in found if nearest(piece, kind, value) == value]
    assert len(holding) == 1
    assert [cell.accepts(holding[0].value) for cell in tests] == [cell.accepts(value) for cell in tests]


@given(st.lists(st.sampled_from(["a", "b | c", "not a", "not c | d"]), min_size=1, max_size=3), st.data())
def test_every_list_is_judged_like_the_representative_of_its_piece(texts: list[str], data: st.DataObject) -> None:
    tests = [parse_cell(text, MANY) for text in texts]
    value = sorted(data.draw(st.sets(st.sampled_from(MANY.values), min_size=1)))
    held = [piece for piece in pieces(MANY, tests) if nearest(piece, MANY, value) == value]
    assert len(held) == 1
    assert [cell.accepts(held[0].value) for cell in tests] == [cell.accepts(value) for cell in tests]


def test_the_nearest_value_of_a_piece() -> None:
    tests = [parse_cell("< 50", ROWS)]
    low, point, high = pieces(ROWS, tests)
    assert nearest(low, ROWS, 240) == 49
    assert nearest(point, ROWS, 40) == 50
    assert nearest(high, ROWS, 40) == 51
    real = pieces(SHARE, [parse_cell("> 0.5", SHARE)])
    assert nearest(real[-1], SHARE, 0.1) == "> 0.5"
    assert nearest(real[0], SHARE, 0.9) == "< 0.5"
    assert distance("> 0.5", 0.1) == pytest.approx(0.4)


def test_pieces_of_integers_hold_integers_only_and_stay_inside_the_domain() -> None:
    found = pieces(ROWS, [parse_cell("[10 .. 11]", ROWS), parse_cell("= 0", ROWS)])
    assert [piece.value for piece in found] == [0, 1, 10, 11, 12]
    half = FactKind(name="n", type="number", ask="?", integer=True, min=0)
    assert [piece.value for piece in pieces(half, [parse_cell("< 0.5", half)])] == [0, 1]
