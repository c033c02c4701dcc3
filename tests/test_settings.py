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
