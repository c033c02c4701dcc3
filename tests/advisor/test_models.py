"""Base models: what can be tuned where on a day, and which suit what is wanted, with reasons and warnings."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from service.advisor.knowledge import load_knowledge
from service.advisor.models import Choice, Customer, Wanted, rank, status
from service.data import rule_files
from service.errors import TuneGateError
from service.estimate.machines import azure_machines
from service.settings import Settings, load_settings
from service.verbs.models import ModelFilter, hardware, models

RULES = rule_files()
MODELS = load_knowledge(RULES).models
TODAY = date(2026, 11, 21)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"TUNEGATE_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("model", "target", "customer", "day", "expected"),
    [
        ("gpt-4.1", "azure-openai", "new", date(2026, 10, 14), "ending"),
        ("gpt-4.1", "azure-openai", "new", date(2026, 10, 15), "closed"),
        ("gpt-4.1", "azure-openai", "existing", TODAY, "ending"),
        ("gpt-4.1", "azure-openai", "existing", date(2026, 7, 10), "open"),
        ("gpt-4.1", "local", None, TODAY, "not-offered"),
        ("phi-4", "azure-openai", None, TODAY, "not-offered"),
        ("phi-4", "kaito", None, TODAY, "open"),
        ("phi-4", "local", None, TODAY, "open"),
        ("llama-3.1-8b-instruct", "azure-serverless", None, TODAY, "closed"),
        ("nobody-knows-it", "local", None, TODAY, "not-offered"),
    ],
)
def test_what_can_be_tuned_where_on_a_day(
    model: str, target: str, customer: Customer | None, day: date, expected: str
) -> None:
    assert status(MODELS, model, target, customer, day) == expected


def suited(**wanted: Any) -> dict[str, Choice]:
    return {choice.id: choice for choice in rank(MODELS, Wanted(**wanted), TODAY) if not choice.excluded}


def test_a_new_customer_of_the_hosted_service_has_open_weights_and_an_invitation() -> None:
    found = suited(target="azure-openai", customer="new")
    assert set(found) == {
        "gpt-5", "ministral-3b-2410", "qwen3-32b", "llama-3.3-70b-instruct", "gpt-oss-20b", "gpt-oss-120b",
    }  # fmt: skip
    assert "by invitation only" in found["gpt-5"].warnings
    assert set(suited(target="azure-openai", customer="new", method="sft")) == set(found) - {"gpt-5", "gpt-oss-120b"}


def test_an_existing_customer_is_told_what_ends_and_what_is_disputed() -> None:
    found = suited(target="azure-openai", customer="existing", method="dpo")
    assert set(found) == {"gpt-4o", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano"}
    assert "tuning ends on 2027-04-14" in found["gpt-4.1"].warnings
    assert any("disputed" in one for one in found["gpt-4.1-mini"].warnings)


def test_without_a_kind_of_customer_the_dates_of_both_are_told() -> None:
    assert any("existing customers only" in one for one in suited(target="azure-openai")["gpt-4.1"].warnings)


def test_every_preset_of_kaito_is_a_model_and_mistral_is_left_out() -> None:
    found = suited(target="kaito")
    assert len(found) == 9
    assert "mistral-7b-v0.3" not in found
    assert any("qkv_proj" in one for one in found["phi-4-mini-instruct"].warnings)


def test_fewer_warnings_come_first_and_then_the_smaller_model() -> None:
    ranked = [one for one in rank(MODELS, Wanted(target="local"), TODAY) if not one.excluded]
    keys = [(len(one.warnings), MODELS.cards[one.id].params_b or float("inf")) for one in ranked]
    assert keys == sorted(keys)


def test_filters_of_the_list_and_their_mistakes(settings: Settings) -> None:
    with pytest.raises(TuneGateError) as raised:
        models(ModelFilter(task="chat", target="kait", languages=["xx"]), rules=RULES, settings=settings)
    assert {error.where for error in raised.value.errors} == {"task", "target", "language"}
    everything = {row.id for row in models(ModelFilter(), rules=RULES, settings=settings)}
    assert {"phi-3-mini-4k", "gpt-4.1", "smollm2-135m"} <= everything
    assert "smollm2-135m" not in {row.id for row in models(ModelFilter(target="local"), rules=RULES, settings=settings)}


def test_memory_is_judged_where_there_are_figures(settings: Settings) -> None:
    wanted = ModelFilter(target="local", gpu="T4-16GB", technique="full")
    found = {row.id: row for row in models(wanted, rules=RULES, settings=settings)}
    assert "phi-4" not in found  # 14.7 billion parameters in 16 GB, every weight trained
    small = models(ModelFilter(target="local", gpu="A100-80GB"), rules=RULES, settings=settings)
    assert any(row.fit == "fits" and "lora fits on A100-80GB" in row.reasons for row in small)
    assert all(row.fit or any("cannot be estimated" in one for one in row.warnings) for row in small)


def test_hardware_says_where_to_rent_it_and_what_it_costs(settings: Settings) -> None:
    a100 = next(row for row in hardware(rules=RULES) if row.id == "A100-80GB")
    machines = {machine.id: machine for machine in a100.azure}
    assert machines["Standard_NC24ads_A100_v4"].usd_per_hour == 3.673
    assert len(azure_machines(RULES)) == 15
    h200 = next(row for row in hardware(rules=RULES) if row.id == "H200-141GB")
    assert h200.azure[0].usd_per_hour is None  # no price was found: null, never a guess
