"""Which entities there are for some settings: asked of the recognizers themselves, before any data is read."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from service.errors import missing_extra
from service.privacy.settings import PrivacySettings
from service.privacy.spared import models_spared


def known_entities(settings: PrivacySettings) -> tuple[str, ...]:
    """The entities that a recognizer of these languages, regions and files knows, sorted; whichever were asked for.

    Raises:
        TuneGateError: `missing_extra`; `invalid_input` for a file of recognizers that cannot be used.
    """
    every = msgspec.structs.replace(settings, entities=None, without=(), thresholds={})
    return _known(msgspec.json.encode(every, order="deterministic"))


@lru_cache(maxsize=8)
def _known(settings: bytes) -> tuple[str, ...]:
    """Making the recognizers takes a second; a service is asked with every request."""
    asked = msgspec.json.decode(settings, type=PrivacySettings)
    try:
        with models_spared(asked):
            from service.privacy.analyzer import plain_analyzer
    except ImportError as error:
        raise missing_extra("privacy", "The privacy scan", error) from error
    engine = plain_analyzer(asked)
    return tuple(sorted({name for code in asked.languages for name in engine.get_supported_entities(code)}))
