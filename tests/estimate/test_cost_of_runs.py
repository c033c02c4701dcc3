"""Which run is timed: none that does not fit, and a packed one as the trainer packs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.records.cost import Cost
from service.records.estimate import Estimate
from service.settings import load_settings
from service.verbs.estimate import estimate, read_inputs
from service.verbs.estimating.cost_words import cost_lines

SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})
TRAINING = {"rows": 1000, "tokens": 300_000, "epochs": 2}


def one(**raw: Any) -> Estimate:
    values = {"model": "llama-3.2-1b", "techniques": ["lora"], "gpu": "A100-80GB", **raw}
    return estimate(read_inputs(values), rules=rule_files(), settings=SETTINGS)[0]


def cost_of(made: Estimate) -> Cost:
    assert made.cost is not None
    return made.cost


def test_a_run_that_does_not_fit_has_neither_hours_nor_a_price_nor_a_break_even() -> None:
    asked = {"model": "llama-3.1-8b", "techniques": ["full"], "gpu": ["A100-80GB", "H200-141GB"]}
    made = one(training=TRAINING, usage={"replaces": "openai/gpt-4.1"}, **asked)
    assert [fit.verdict == "no" for fit in made.fits] == [True, False]
    assert [time.hours is None for time in cost_of(made).times] == [True, False]
    assert not any(found.option.startswith("A100") for found in cost_of(made).break_even)
    text = "\n".join(cost_lines([made]))
    assert "full on A100-80GB: does not fit" in text
    assert "1 x A100-80GB" not in text


@pytest.mark.parametrize(("attention", "most"), [("sdpa", 200_000), ("eager", 200_000), ("flash", 100_000)])
@pytest.mark.parametrize("padded", [True, False])
def test_packing_multiplies_at_most_as_much_padding_as_tokens(attention: str, most: int, padded: bool) -> None:
    training = {"rows": 1000, "tokens": 100_000, "epochs": 1}
    asked = {"training": training, "micro_batch": 8, "padded": padded, "attention": attention}
    found = cost_of(one(packing=True, **asked))
    assert found.training.processed is not None
    assert (found.training.processed.low, found.training.processed.high) == (100_000, most)
    assert any("half full" in note for note in found.notes) is (attention != "flash")
    assert not any("half full" in note for note in cost_of(one(**asked)).notes)
