"""A model's name leads to tiktoken's encoding, a tuned model's name to that of its base."""

from __future__ import annotations

import pytest
from tiktoken.model import MODEL_PREFIX_TO_ENCODING, MODEL_TO_ENCODING, encoding_name_for_model

from service.lint.tokens import encodings
from service.lint.tokens.encodings import encoding_of


def test_the_table_is_tiktokens(monkeypatch: pytest.MonkeyPatch) -> None:
    # without its fallback to tiktoken itself, which would hide a missing row
    monkeypatch.setattr(encodings, "_asked", lambda base: None)
    names = [*MODEL_TO_ENCODING, *(f"{p}2026-01-01" for p in MODEL_PREFIX_TO_ENCODING if not p.startswith("ft:"))]
    assert {name: encoding_of(name) for name in names} == {name: encoding_name_for_model(name) for name in names}


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4.1-2025-04-14", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("GPT-4o-mini", "o200k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("gpt-35-turbo-0125", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("ft:gpt-3.5-turbo-0125:desk::9abc", "cl100k_base"),
        ("ft:gpt-4-0613:desk::9abc", "cl100k_base"),
        ("ft:gpt-4o-2024-08-06:desk::9abc", "o200k_base"),
        ("ft:o4-mini-2025-04-16:desk::9abc", "o200k_base"),
        ("gpt-4.1-mini-2025-04-14.ft-0f1e2d-desk", "o200k_base"),
        ("davinci:ft-desk-2023-05-23", "r50k_base"),
        ("qwen-32b", None),
        ("our-deployment", None),
        ("", None),
    ],
)
def test_a_name_leads_to_an_encoding(model: str, encoding: str | None) -> None:
    assert encoding_of(model) == encoding


def test_a_tuned_gpt_4_1_counts_as_gpt_4_1_does_though_tiktoken_takes_it_for_gpt_4() -> None:
    tuned = "ft:gpt-4.1-2025-04-14:desk::9abc"
    assert encoding_name_for_model("gpt-4.1-2025-04-14") == encoding_of(tuned) == "o200k_base"
