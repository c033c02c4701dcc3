"""A quick scan of a few shapes, and Presidio's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from service.privacy.found import Found
from service.privacy.redaction.row import Redactor, Scan
from service.privacy.redaction.ways import way
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SSN = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_ACCOUNT = re.compile(r"(?<![\w.])\d{8,12}(?!\w)")
ONLY_IF_NAMED = {"URL", "DATE_TIME", "UUID"}


def _quick(text: str, context: tuple[str, ...]) -> Sequence[Found]:
    """Mail addresses, social security numbers, and 8 to 12 digits where the word account is near."""
    found = [Found("EMAIL_ADDRESS", *match.span(), 1.0, "") for match in _MAIL.finditer(text)]
    found += [Found("US_SSN", *match.span(), 0.8, "") for match in _SSN.finditer(text)]
    if "account" in " ".join((text, *context)).lower():
        found += [Found("US_BANK_NUMBER", *match.span(), 0.4, "") for match in _ACCOUNT.finditer(text)]
    return found


@pytest.fixture(scope="session")
def quick() -> Scan:
    return _quick


@pytest.fixture(scope="session")
def redactor() -> Callable[..., Redactor]:
    return lambda name="pseudonyms", scan=_quick: Redactor(scan, way(name))


@pytest.fixture(scope="session")
def presidio() -> Scan:
    """As the verb scans by default."""
    scanner = Scanner(PrivacySettings())
    return lambda text, context: [one for one in scanner.scan(text, context=context) if one.entity not in ONLY_IF_NAMED]
