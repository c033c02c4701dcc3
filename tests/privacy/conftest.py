"""One folder of kept databases for all privacy tests, and the pairs that must agree: our scanner and Presidio alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from service.privacy.analyzer import plain_analyzer
from service.privacy.found import Found
from service.privacy.scanner import Scanner, found_of
from service.privacy.settings import PrivacySettings

Pair = tuple[Scanner, Callable[..., list[Found] | None]]


@pytest.fixture(scope="session")
def privacy_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("privacy-home")


@pytest.fixture(autouse=True)
def _home(privacy_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(privacy_home))


@pytest.fixture(scope="session")
def pair_of(privacy_home: Path) -> Iterator[Callable[[PrivacySettings], Pair]]:
    """A scanner whose gates are made, and Presidio's own engine over the same recognizers."""

    @cache
    def made(encoded: bytes) -> Pair:
        settings = _decoded(encoded)
        scanner = Scanner(settings)
        scanner.prepare()
        assert scanner.notes == ()
        engine = plain_analyzer(settings)

        def stock(text: str, language: str | None = None, **more: Any) -> list[Found] | None:
            try:
                return found_of(engine.analyze(text, language or settings.languages[0], **more))
            except ValueError as error:
                if "invalid literal for int()" not in str(error):
                    raise
                return None  # Presidio's checksums do not read digits that are younger than Python's tables

        stock.engine = engine  # type: ignore[attr-defined]
        return scanner, stock

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_HOME", str(privacy_home))
        yield lambda settings: made(_encoded(settings))


def _encoded(settings: PrivacySettings) -> bytes:
    import msgspec

    return msgspec.json.encode(settings)


def _decoded(encoded: bytes) -> PrivacySettings:
    import msgspec

    return msgspec.json.decode(encoded, type=PrivacySettings)
