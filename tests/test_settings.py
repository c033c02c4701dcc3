"""The environment: defaults that need nothing, and every wrong number told at once."""

from __future__ import annotations

import pytest

from service.errors import TuneGateError
from service.settings import load_settings


def test_numbers_are_read_and_have_defaults() -> None:
    assert load_settings({}).max_body_bytes == 512 * 2**20
    found = load_settings({"TUNEGATE_MAX_BODY_BYTES": "1000", "TUNEGATE_BODY_IDLE_SECONDS": "5"})
    assert (found.max_body_bytes, found.body_idle_seconds) == (1000, 5)
    found = load_settings({"TUNEGATE_CHAT_MODELS": "7", "TUNEGATE_CHAT_IDLE_SECONDS": "8"})
    assert (found.chat_models, found.chat_idle_seconds) == (7, 8)


@pytest.mark.parametrize("value", ["0", "-1", "1e9", "512M", "\u0661", "9" * 5000])
def test_every_variable_that_holds_no_number_is_named(value: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        load_settings({"TUNEGATE_MAX_BODY_BYTES": value, "TUNEGATE_BODY_IDLE_SECONDS": value})
    assert raised.value.exit_code == 2
    assert [one.where for one in raised.value.errors] == ["TUNEGATE_MAX_BODY_BYTES", "TUNEGATE_BODY_IDLE_SECONDS"]


@pytest.mark.parametrize(
    "listed", ["ftp://a/v1", "a.example/v1", "https://a/v1?x=1", "https://u:p@a", "https://a=", "="]
)
def test_an_entry_that_is_no_address_is_named_by_its_number(listed: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        load_settings({"TUNEGATE_ENDPOINTS": f"https://fine.example/v1=KEY, {listed} {listed}"})
    assert [one.where for one in raised.value.errors] == ["TUNEGATE_ENDPOINTS: entry 2", "TUNEGATE_ENDPOINTS: entry 3"]


@pytest.mark.parametrize(
    ("listed", "endpoint", "held"),
    [
        ("https://a.example/v1", "https://a.example/v1/chat/completions", True),
        ("https://a.example/v1/", "https://A.example:443/v1/chat/completions", True),
        ("https://a.example", "https://a.example/openai/deployments/d/chat/completions?api-version=v1", True),
        ("https://a.example/v1", "https://a.example/v10/chat/completions", False),
        ("https://a.example/v1", "http://a.example/v1/chat/completions", False),
        ("https://a.example/v1", "https://a.example:8443/v1/chat/completions", False),
        ("https://a.example/v1", "https://a.example.evil.example/v1/chat/completions", False),
        ("https://a.example/v1", "https://a.example/v1/../admin/chat/completions", False),
        ("https://a.example/v1", "https://a.example/v1/%2E%2e/admin/chat/completions", False),
        ("https://a.example/v1", "https://a.example/v1\\..\\admin/chat/completions", False),
        ("", "http://127.0.0.1/v1/chat/completions", False),
    ],
)
def test_an_address_holds_what_lies_below_it_and_nothing_else(listed: str, endpoint: str, held: bool) -> None:
    assert any(one.holds(endpoint) for one in load_settings({"TUNEGATE_ENDPOINTS": listed}).endpoints) == held
