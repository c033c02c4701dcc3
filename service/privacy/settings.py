"""What a privacy scan looks for: languages, thresholds, regions, recognizers of one's own, NER."""

from __future__ import annotations

import msgspec

# the regions that Presidio's own phone recognizer reads
STOCK_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")


class PrivacySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to scan. The first language is that of a text whose language nobody names."""

    languages: tuple[str, ...] = ("en",)
    threshold: float = 0.35
    thresholds: dict[str, float] = {}  # by entity, in place of `threshold`
    regions: tuple[str, ...] = STOCK_REGIONS
    entities: tuple[str, ...] | None = None  # None = every entity that a recognizer knows
    ner: str | None = None  # a Presidio analyzer configuration (YAML) with a named-entity model
    require_ner: bool = False
    recognizers: str | None = None  # a Presidio recognizer list (YAML) that is added to the stock one
