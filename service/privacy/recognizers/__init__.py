"""Recognizers of our own: cards, IBANs, national ids and secrets, better than Presidio's where patterns can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.data import RuleFiles, rule_files
from service.settings import load_settings

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

# names of Presidio's recognizers that ours stand in for
REPLACED: frozenset[str] = frozenset(
    {"CreditCardRecognizer", "IbanRecognizer", "MedicalLicenseRecognizer", "NhsRecognizer"}
)


def regions_of(language: str, asked: tuple[str, ...] | None, rules: RuleFiles | None = None) -> tuple[str, ...]:
    """The regions that were asked for, or those where the language is spoken.

    Raises:
        TuneGateError: `invalid_rules`.
    """
    from service.privacy.recognizers.regions import default_regions

    return asked or default_regions(language, rules or rule_files(load_settings().rules))


def own_recognizers(language: str, regions: tuple[str, ...], rules: RuleFiles | None = None) -> list[EntityRecognizer]:
    """Our recognizers for a language and the regions of the settings, in a fixed order.

    All are PatternRecognizers that leave `analyze` alone, so a gate may read their patterns.

    Raises:
        TuneGateError: `invalid_rules` for a broken file below rules/privacy.
    """
    from service.privacy.recognizers.cards import CardRecognizer, load_networks
    from service.privacy.recognizers.iban import IbanByCountryRecognizer, load_countries
    from service.privacy.recognizers.id_rules import id_rules
    from service.privacy.recognizers.national import STOCK, id_recognizers
    from service.privacy.recognizers.secret_rules import secret_rules
    from service.privacy.recognizers.secrets import secret_recognizers

    files = rules or rule_files(load_settings().rules)
    return [
        CardRecognizer(load_networks(files), language),
        IbanByCountryRecognizer(load_countries(files), language),
        *id_recognizers(id_rules(files, STOCK), language, regions),
        *secret_recognizers(secret_rules(files), language),
    ]
