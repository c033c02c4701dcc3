"""Money: prices of the rules with their dates, null with a reason where there is none, and the break-even."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.data import rule_files
from service.errors import TuneGateError
from service.estimate.amounts import Data
from service.estimate.break_even import HOURS_PER_MONTH, Option, break_even
from service.estimate.cost_inputs import UsageInputs
from service.estimate.machines import azure_machines, machine_prices, price_source
from service.estimate.services import priced, service_prices
from service.records.cost import Range

RULES = rule_files()
SERVICES = {row.id: row for row in service_prices(RULES)}
DATA = Data(rows=1000, tokens_low=1_000_000, tokens_high=1_000_000, epochs=2)
HOURS = Range(1.0, 2.0, 5.0)


def machines(device: str, count: int = 1, hours: Range | None = HOURS) -> Any:
    return machine_prices(azure_machines(RULES), device=device, count=count, hours=hours, source="s")


def test_the_price_of_a_run_is_hours_times_the_machine_and_the_cheapest_comes_first() -> None:
    first = machines("A100-80GB")[0]
    assert (first.machine, first.usd_per_hour) == ("Standard_NC24ads_A100_v4", 3.673)
    assert first.usd == Range(3.67, 7.35, 18.37)
    assert [one.usd_per_hour for one in machines("A100-80GB")] == [3.673, 7.346, 14.692, 32.77]
    assert "undated" in price_source(RULES)


def test_only_machines_with_enough_devices_are_offered() -> None:
    assert [one.gpus for one in machines("A100-80GB", 4)] == [4, 8]
    assert machines("A100-80GB", 16) == []
    assert machines("RTX-4090-24GB") == []


def test_a_machine_without_a_price_is_null_with_the_reason() -> None:
    (h200,) = machines("H200-141GB")
    assert h200.usd is None
    assert h200.usd_per_hour is None
    assert h200.reason.startswith("no_price")
    (first, *_) = machines("A100-80GB", hours=None)
    assert (first.usd, first.reason) == (None, "the hours are not known")


def test_a_service_bills_tokens_times_epochs() -> None:
    found = priced(SERVICES["azure-openai/gpt-4.1/global"], DATA)
    # the vendor's own example: one million tokens, two epochs, 2 USD per million
    assert found.usd == Range(4.0, 4.0, 4.0)
    assert (found.confidence, found.as_of, found.hosting_usd_per_hour) == ("example", "2026-03-19", 1.70)
    regional = priced(SERVICES["azure-openai/gpt-4.1/standard"], DATA).usd
    assert regional is not None
    # global is 10 to 30 % cheaper
    assert (round(0.9 * regional.low), round(0.7 * regional.high)) == (4, 4)


def test_a_service_without_a_price_and_data_without_tokens_are_null_with_the_reason() -> None:
    unpriced = priced(SERVICES["azure-openai/gpt-4.1-mini"], DATA)
    assert unpriced.usd is None
    assert unpriced.reason is not None
    assert unpriced.reason.startswith("no_price")
    unknown = priced(SERVICES["openai/gpt-4.1"], None)
    assert (unknown.usd, unknown.reason) == (None, "the training tokens are not known")


def test_every_price_row_is_dated_and_in_order() -> None:
    assert len(SERVICES) == len(service_prices(RULES))
    for row in SERVICES.values():
        assert row.source
        assert (row.training_low is None) == (row.training_high is None) == (row.confidence == "none")
        if row.training_low is not None and row.training_high is not None:
            assert 0 < row.training_low <= row.training_high


@pytest.mark.parametrize("content", ["[[price]]\nid = 1", "price = 3", "[["])
def test_a_broken_price_file_is_named(content: str) -> None:
    with pytest.raises(TuneGateError, match=r"service-prices\.toml") as caught:
        service_prices(RULES.overlaid({"service-prices.toml": content.encode()}))
    assert caught.value.code == "invalid_rules"


USAGE: dict[str, Any] = {
    "prompt_tokens": 2000, "tuned_prompt_tokens": 200, "answer_tokens": 100, "prompt_usd_per_million": 2.0,
    "answer_usd_per_million": 8.0, "months": 10,
}  # fmt: skip
OWN = Option(
    name="own", training_usd=Range(50.0, 100.0, 200.0), hosting_usd_per_hour=1.0, tuned_prompt=0.0, tuned_answer=0.0
)


def test_the_break_even_is_what_is_fixed_over_what_a_request_saves() -> None:
    found = break_even(OWN, UsageInputs(**USAGE), None)
    assert found.fixed_usd_per_month == Range(735.0, 740.0, 750.0)
    # 2000 x 2 + 100 x 8 USD per million
    assert found.saved_usd_per_request == 0.0048
    assert found.requests_per_month == Range(*(float(math.ceil(one / 0.0048)) for one in (735.0, 740.0, 750.0)))
    assert found.verdict == "from"


@pytest.mark.parametrize(
    ("requests", "verdict"), [(100_000, "does not pay"), (154_000, "depends"), (156_250, "pays"), (10**9, "pays")]
)
def test_the_verdict_says_on_which_side_of_the_band_the_requests_lie(requests: int, verdict: str) -> None:
    assert break_even(OWN, UsageInputs(**USAGE, requests_per_month=requests), None).verdict == verdict


def test_what_is_missing_is_named_and_nothing_is_guessed() -> None:
    found = break_even(OWN, UsageInputs(prompt_tokens=2000, prompt_usd_per_million=2.0), None)
    assert (found.verdict, found.requests_per_month) == (None, None)
    assert found.reason == (
        "give usage.tuned_prompt_tokens, usage.answer_tokens, usage.answer_usd_per_million (or usage.replaces)"
    )


def test_never_where_the_tuned_model_costs_more_per_request() -> None:
    service = Option(
        name="s", training_usd=Range(1.0, 1.0, 1.0), hosting_usd_per_hour=0.0, tuned_prompt=30.0, tuned_answer=12.0
    )
    found = break_even(service, UsageInputs(**USAGE), None)
    assert (found.verdict, found.requests_per_month) == ("never", None)
    assert found.saved_usd_per_request is not None
    assert found.saved_usd_per_request < 0


def test_the_prices_of_the_service_that_is_replaced_are_todays_unless_given() -> None:
    bare = {key: value for key, value in USAGE.items() if not key.endswith("_per_million")}
    row = SERVICES["openai/gpt-4.1"]
    named, said = break_even(OWN, UsageInputs(**bare), row), break_even(OWN, UsageInputs(**USAGE), None)
    assert named.requests_per_month == said.requests_per_month
    dearer = break_even(OWN, UsageInputs(**bare, prompt_usd_per_million=4.0), row)
    assert dearer.saved_usd_per_request == 0.0088


@settings(max_examples=100, derandomize=True)
@given(st.floats(0, 1e6), st.floats(0, 1e5), st.floats(0, 100), st.integers(1, 120), st.floats(0, 1e5))
def test_dearer_training_or_hosting_never_pays_sooner(
    training: float, more: float, hosting: float, months: int, spread: float
) -> None:
    def needed(usd: float, hourly: float) -> Range:
        option = Option(
            name="o", training_usd=Range(usd, usd + spread / 2, usd + spread), hosting_usd_per_hour=hourly,
            tuned_prompt=0.0, tuned_answer=0.0,
        )  # fmt: skip
        found = break_even(option, UsageInputs(**{**USAGE, "months": months}), None).requests_per_month
        assert found is not None
        assert found.low <= found.mid <= found.high
        return found

    base = needed(training, hosting)
    assert needed(training + more, hosting).low >= base.low
    assert needed(training, hosting + more / HOURS_PER_MONTH).high >= base.high
