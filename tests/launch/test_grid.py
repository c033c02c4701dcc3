"""The grid of a sweep: its order covers the range early, and its folders are named by the values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ErrorItem
from service.launch.grid import EPOCHS, RANK, RATE, folder_of, in_order, read_grid, text_of, with_values
from service.launch.request import HyperparameterRequest, PlanChoices
from trainers.contract import Adapter

CHOICES = PlanChoices(model="base", technique="lora")


def wrong(*texts: str) -> list[ErrorItem]:
    errors: list[ErrorItem] = []
    read_grid(texts, CHOICES, errors)
    return errors


def test_names_are_read_as_people_write_them() -> None:
    errors: list[ErrorItem] = []
    grid = read_grid(["learning-rate-multiplier=2,0.5", "epochs=3,1", "adapter-r=8"], CHOICES, errors)
    assert (errors, grid) == ([], {RATE: [0.5, 2.0], EPOCHS: [1, 3], RANK: [8]})


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("dropout=0,1", "--sweep", "learning_rate_multiplier, n_epochs"),
        ("n_epoch=1", "--sweep", "n_epochs"),
        ("n_epochs", "--sweep", "NAME=V,V"),
        ("n_epochs=1,x", "--sweep n_epochs", "a whole number"),
        ("n_epochs=1.5", "--sweep n_epochs", "a whole number"),
        ("n_epochs=1,1", "--sweep n_epochs", "each value once"),
        ("n_epochs=1,0,51", "--sweep n_epochs", "1 to 50"),
        ("rank=0", "--sweep adapter.r", "1 to 65536"),
        ("multiplier=-1", "--sweep learning_rate_multiplier", "a number"),
    ],
)
def test_what_cannot_be_used_is_told(text: str, where: str, said: str) -> None:
    found = wrong(text)
    assert found
    assert {one.where for one in found} == {where}
    assert all(said in str(one.allowed) for one in found)


def test_everything_wrong_is_told_at_once() -> None:
    found = wrong("epochs=0,99", "size=3", "multiplier=fast", "epochs=2")
    assert [one.where for one in found] == [
        "--sweep n_epochs", "--sweep n_epochs", "--sweep", "--sweep learning_rate_multiplier", "--sweep",
    ]  # fmt: skip
    many = ",".join(map(str, range(1, 21)))
    assert "400 combinations" in str(wrong(f"epochs={many}", f"rank={many}")[0].seen)


def test_the_first_few_cover_the_range() -> None:
    order = in_order({RATE: [0.1, 0.5, 1.0, 2.0, 10.0], EPOCHS: [1, 3, 10]})
    assert order[0] == {RATE: 1.0, EPOCHS: 3}
    # then the corners, before anything between them
    corners = [(one[RATE], one[EPOCHS]) for one in order[1:5]]
    assert set(corners) == {(0.1, 1), (10.0, 10), (0.1, 10), (10.0, 1)}
    assert len(order) == 15


@given(
    rates=st.lists(st.floats(0.01, 100), min_size=1, max_size=5, unique=True),
    epochs=st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True),
)
def test_every_combination_comes_once_and_always_in_the_same_order(rates: list[float], epochs: list[int]) -> None:
    grid: dict[str, list[int | float]] = {RATE: sorted(rates), EPOCHS: sorted(epochs)}
    order = in_order(grid)
    assert len({tuple(one.values()) for one in order}) == len(rates) * len(epochs) == len(order)
    assert order == in_order(grid)
    nearest = min(abs(math.log(one)) for one in rates)
    assert abs(math.log(order[0][RATE])) == nearest


def test_alpha_follows_the_rank_unless_it_is_another() -> None:
    assert with_values(CHOICES, {RANK: 4}).hyperparameters.adapter == Adapter(r=4, alpha=8)
    fixed = PlanChoices(model="base", hyperparameters=HyperparameterRequest(adapter=Adapter(r=16, alpha=16)))
    shape = with_values(fixed, {RANK: 4, EPOCHS: 2}).hyperparameters
    assert (shape.adapter, shape.n_epochs) == (Adapter(r=4, alpha=16), 2)


def test_a_folder_is_named_by_the_values_alone() -> None:
    assert folder_of({RATE: 0.5, EPOCHS: 3}) == folder_of({EPOCHS: 3, RATE: 0.5}) == "multiplier-0.5_epochs-3"
    assert text_of({RATE: 0.5, RANK: 8}) == "multiplier 0.5, rank 8"
