"""Presidio's phone recognizer with the same findings and fewer parses: one search for candidates serves all regions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

import phonenumbers
from phonenumbers import phonenumbermatcher
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

matcher: Any = phonenumbermatcher  # its private parts have no types
_SHORT = 10
_REMEMBERED = 16384
_INNER_PARTS = ("_PATTERN", "_SECOND_NUMBER_START_PATTERN", "_INNER_MATCHES")
_INNER_METHODS = ("_extract_match", "_find")
# no plus, no letter and nothing else behind which an extension could stand
_PLAIN = re.compile(r"[0-9 ().\-/]+")


def fast_phones(stock: PhoneRecognizer) -> PhoneRecognizer:
    """The same recognizer made faster, or as it is when phonenumbers is not built as we know it."""
    if type(stock) is not PhoneRecognizer or not inner_parts_known():
        return stock
    fast = FastPhoneRecognizer(
        context=stock.context,
        supported_language=stock.supported_language,
        supported_entity=stock.supported_entities[0],
        supported_regions=stock.supported_regions,
        leniency=stock.leniency,
        name=stock.name,
    )
    fast.score_thresholds = stock.score_thresholds
    return fast


def inner_parts_known() -> bool:
    """Whether the private names are there that the faster way uses."""
    return all(hasattr(matcher, name) for name in _INNER_PARTS) and all(
        hasattr(phonenumbers.PhoneNumberMatcher, name) for name in _INNER_METHODS
    )


def fewest_digits(region: str, leniency: int) -> int:
    """How many digits a text needs before any number in it can be one of this region, or an international one."""
    abroad = min(
        len(str(code)) + min(_lengths(_metadata(one, code), leniency))
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        for one in regions
    )
    return min(abroad, *_lengths(_metadata(region, 0), leniency))


def necessary_expression(regions: Iterable[str], leniency: int) -> str:
    """What every text with a number of these regions matches: enough digits, little between them.

    Between two digits phonenumbers allows up to four signs or spaces, or an x for a hidden digit, but no other letter.
    """
    fewest = min(fewest_digits(region, leniency) for region in regions)
    return rf"\d(?:[^\dA-WYZa-wyz]{{0,4}}\d){{{fewest - 1}}}"


def may_be_valid(digits: str, region: str, leniency: int) -> bool:
    """Whether a candidate with these digits, and no plus and no extension, can hold a number that is asked for."""
    known = _national(region, leniency)
    return known is None or known.search(digits) is not None


@cache
def _national(region: str, leniency: int) -> re.Pattern[str] | None:
    """What stands among the digits of every valid number as one dials it in a region; None where nobody can say.

    Parsing takes prefixes away, so that the national number is what is left at the end of a part of the candidate. It
    is one of the region's, or of those that share its country code, unless the prefix for calls abroad stands before.
    """
    if leniency < phonenumbers.Leniency.VALID:
        return None
    code = phonenumbers.country_code_for_region(region)
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    if region not in regions:
        return None
    if any(_metadata(one, code).national_prefix_transform_rule for one in (region, regions[0])):
        return None  # digits are put in
    patterns = [_metadata(one, code).general_desc.national_number_pattern for one in regions]
    abroad = [_metadata(one, code).international_prefix for one in (region, regions[0])]
    return re.compile("|".join(f"(?:{one})" for one in [*patterns, *abroad] if one))


def _metadata(region: str, code: int) -> Any:
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return phonenumbers.PhoneMetadata.metadata_for_nongeo_region(code)
    return phonenumbers.PhoneMetadata.metadata_for_region(region)


def _lengths(metadata: Any, leniency: int) -> set[int]:
    """National lengths in digits; a number that is only dialled locally counts where parsing can make it whole."""
    general = metadata.general_desc
    lengths = set(general.possible_length)
    if leniency == phonenumbers.Leniency.POSSIBLE or metadata.national_prefix_transform_rule:
        lengths |= set(general.possible_length_local_only)
    return {length for length in lengths if length > 0} or {1}


class _Candidate(NamedTuple):
    """What may be a number: where it starts, itself, how many digits it has, and these when nothing else counts."""

    start: int
    text: str
    digits: int
    plain: str | None


class _Candidates:
    """What may be a number in one text, by the place from which one looks: every region looks at the same ones."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[int, _Candidate | None] = {}

    def after(self, index: int) -> _Candidate | None:
        """The first one at or after a place."""
        try:
            return self._known[index]
        except KeyError:
            found = self._known[index] = self._search(index)
            return found

    def _search(self, index: int) -> _Candidate | None:
        match = matcher._PATTERN.search(self._text, index)
        if match is None:
            return None
        candidate = match.group()
        second = matcher._SECOND_NUMBER_START_PATTERN.search(candidate)
        if second:
            candidate = candidate[: second.start()]
        digits = "".join(filter(str.isdigit, candidate))
        return _Candidate(match.start(), candidate, len(digits), digits if _PLAIN.fullmatch(candidate) else None)


class _MayGiveUpError(Exception):
    """phonenumbers gives up after 65,535 failures in one text, and nobody knows whether it would have by now."""


class FastPhoneRecognizer(PhoneRecognizer):  # type: ignore[misc]
    """PhoneRecognizer that finds candidates once and does not parse what is too short for a region."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """As PhoneRecognizer.analyze."""
        candidates = _Candidates(text)
        try:
            results = [
                self._get_recognizer_result(match, text, self._region_of(match, text, region), nlp_artifacts)
                for region in self.supported_regions
                for match in self._matches(text, region, candidates)
            ]
        except _MayGiveUpError:
            stock: list[RecognizerResult] = super().analyze(text, entities, nlp_artifacts)
            return stock
        kept: list[RecognizerResult] = EntityRecognizer.remove_duplicates(results)
        return kept

    def _matches(self, text: str, region: str, candidates: _Candidates) -> Iterator[Any]:
        fewest = _fewest(region, self.leniency)
        looking = phonenumbers.PhoneNumberMatcher(text, region, leniency=self.leniency)
        index, failures = 0, 0
        while (found := candidates.after(index)) is not None:
            start, candidate, digits, plain = found
            tried = (
                digits >= fewest
                and (plain is None or may_be_valid(plain, region, self.leniency))
                and not _is_never(candidate, region, self.leniency)
            )
            match = looking._extract_match(candidate, start) if tried else None
            if match is not None:
                yield match
                index = match.end
                continue
            index = start + len(candidate)
            failures += 1 if tried else _most_failures(len(candidate) - digits)
            if failures >= looking._max_tries:
                raise _MayGiveUpError

    @staticmethod
    def _region_of(match: Any, text: str, region: str) -> str | None:
        try:
            number = phonenumbers.parse(text[match.start : match.end])
        except phonenumbers.NumberParseException:
            return region
        code: str | None = phonenumbers.region_code_for_number(number)
        return code


def _most_failures(signs: int) -> int:
    """Itself, and for every way to cut it the first part and one part from each of its signs on."""
    return 1 + len(matcher._INNER_MATCHES) * (1 + signs) if signs else 1


def _is_never(candidate: str, region: str, leniency: int) -> bool:
    """Whether a short candidate is known to be no number: years and prices come again and again."""
    return len(candidate) <= _SHORT and _is_none_alone(candidate, region, leniency)


@lru_cache(maxsize=_REMEMBERED)
def _is_none_alone(candidate: str, region: str, leniency: int) -> bool:
    """What is no number when nothing stands beside it is none anywhere: neighbours are only ever a reason against."""
    alone = phonenumbers.PhoneNumberMatcher(candidate, region, leniency=leniency)
    return alone._extract_match(candidate, 0) is None


@cache
def _fewest(region: str, leniency: int) -> int:
    return fewest_digits(region, leniency)
