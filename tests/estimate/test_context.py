"""Lengths and what the model's config says it knows positions for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.records.estimate import Estimate
from service.records.lint_report import LintReport, Summary
from service.settings import load_settings
from service.verbs.estimate import estimate, read_inputs

RULES = rule_files()
SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})
TINY = {
    "model_type": "llama", "vocab_size": 200, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 4, "max_position_embeddings": 96,
}  # fmt: skip


def longest(tokens: int) -> LintReport:
    return LintReport(
        id="f" * 64, rules_revision="r", target="local", method="sft", model=None, files=[], verdict="pass",
        summary=Summary(0, 0, 0), counts={}, findings=[], truncated={}, facts={"data.tokens_max": tokens},
        not_scanned=[],
    )  # fmt: skip


def one(report: LintReport | None = None, **raw: Any) -> Estimate:
    values = {"model": TINY, "techniques": ["lora"], **raw}
    (found,) = estimate(read_inputs(values), rules=RULES, settings=SETTINGS, report=report)
    return found


@pytest.mark.parametrize("tier", ["formula", "simulated"])
def test_no_tier_assumes_a_length_that_the_model_does_not_know(tier: str) -> None:
    cut = one(longest(14_174), tier=tier)
    assert cut.inputs["seq_len"] == 96
    assert "The longest row is cut to the model's context of 96 tokens." in cut.assumptions["notes"]
    assert one(tier=tier).inputs["seq_len"] == 96


def test_rows_within_the_context_are_taken_as_they_are() -> None:
    made = one(longest(60))
    assert made.inputs["seq_len"] == 64
    assert not any("model's context" in note for note in made.assumptions["notes"])


def test_a_length_above_the_context_is_said() -> None:
    made = one(model="tinyllama-1.1b", seq_len=20_000, gpu="A100-80GB")
    (note,) = [note for note in made.assumptions["notes"] if "model's context" in note]
    assert "seq_len 20,000" in note
    assert "2,048 tokens" in note
    assert not any("model's context" in note for note in one(model="tinyllama-1.1b", seq_len=2048).assumptions["notes"])


def test_the_largest_length_stays_within_the_context() -> None:
    (fit,) = one(model="tinyllama-1.1b", seq_len=512, gpu="A100-80GB").fits
    assert fit.max_seq_len == 2048
