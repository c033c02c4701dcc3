"""Values that are nobody's: what the shipped table says of them."""

from __future__ import annotations

import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.privacy.reserved import FILE, ReservedValues, reserved_rows

NOBODYS = ReservedValues(reserved_rows(rule_files()))


@pytest.mark.parametrize(
    ("entity", "value", "is_nobodys"),
    [
        ("EMAIL_ADDRESS", "ada@example.org", True),
        ("EMAIL_ADDRESS", "Ada@Mail.EXAMPLE.com", True),
        ("EMAIL_ADDRESS", "ada@notexample.org", False),
        ("EMAIL_ADDRESS", "ada@example.org.uk", False),
        ("EMAIL_ADDRESS", "example.org@mailer.de", False),
        ("IP_ADDRESS", "127.0.0.1", True),
        ("IP_ADDRESS", "10.20.30.40/8", True),
        ("IP_ADDRESS", "172.31.255.255", True),
        ("IP_ADDRESS", "172.32.0.1", False),
        ("IP_ADDRESS", "192.168.1.1", True),
        ("IP_ADDRESS", "203.0.113.9", True),
        ("IP_ADDRESS", "::1", True),
        ("IP_ADDRESS", "2001:db8::7", True),
        ("IP_ADDRESS", "2001:4860:4860::8888", False),
        ("IP_ADDRESS", "8.8.8.8", False),
        ("IP_ADDRESS", "not an address", False),
        ("MAC_ADDRESS", "00:00:5E:00:53:af", True),
        ("MAC_ADDRESS", "00:00:5E:00-53:af", False),
        ("MAC_ADDRESS", "00:1b:44:11:3a:b7", False),
        ("PHONE_NUMBER", "(415) 555-0132", True),
        ("PHONE_NUMBER", "+1 212 555 0199", True),
        ("PHONE_NUMBER", "555-0100", True),
        ("PHONE_NUMBER", "415-555-0200", False),
        ("PHONE_NUMBER", "+44 415 555 0132", False),
        # of another entity, the same letters say nothing
        ("US_BANK_NUMBER", "4155550132", False),
    ],
)
def test_what_is_nobodys(entity: str, value: str, is_nobodys: bool) -> None:
    assert NOBODYS(entity, value) is is_nobodys


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('domains = ["a.b"]\nnumbers = "1"', "none or several"),
        ("", "none or several"),
        ('networks = ["10.0.0.1/8"]', "host bits"),
        ('pattern = "(a"', "missing )"),
        ('domain = ["a.b"]', "domain"),
    ],
)
def test_a_row_that_cannot_be_meant_is_told(row: str, said: str) -> None:
    own = f'[[reserved]]\nid = "own"\nentity = "X"\nsource = "ours"\n{row}\n'.encode()
    with pytest.raises(TuneGateError) as raised:
        reserved_rows(rule_files().overlaid({FILE: own}))
    assert raised.value.code == "invalid_rules"
    assert said in str(raised.value.errors)
