"""Precision and recall of the privacy recognizers per entity, Presidio's own against ours, on made texts; false alarms.

Run: python benchmarks/privacy_quality.py [TEXTS PER ENTITY]. The texts are made from templates and random numbers of
our own (benchmarks/_pii_texts.py), so they flatter both sides: compare the columns, and do not take a figure for what
real text would give; the samples of secrets were written beside their rules, so that table shows no more than that each
rule works. Found means overlapping, as in Presidio's own evaluation.
"""

from __future__ import annotations

import platform
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from random import Random

import tldextract.tldextract
from _pii_texts import CARDS, Span, card, clean, texts, values
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from service.data import rule_files
from service.privacy.nlp import LightNlpEngine
from service.privacy.recognizers import REPLACED, own_recognizers
from service.privacy.recognizers.regions import PHONE_LENIENCY, default_regions

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "privacy"))
from clean_texts import clean_texts  # noqa: E402
from secret_samples import SAMPLES  # noqa: E402

THRESHOLD = 0.35
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
REGIONS = default_regions("en", rule_files())


def stock() -> list[EntityRecognizer]:
    """What Presidio has on for English."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = RecognizerRegistryProvider(registry_configuration={"supported_languages": ["en"]})
        return [one for one in found.create_recognizer_registry().recognizers if type(one) is not SpacyRecognizer]


def ours(regions: Sequence[str], leniency: int) -> list[EntityRecognizer]:
    """Presidio's with ours in their place, and its phone recognizer set to the regions."""
    kept = [one for one in stock() if one.name not in REPLACED and not isinstance(one, PhoneRecognizer)]
    # German ids are measured as well, so its rules are on, although its phone formats are not read
    own = own_recognizers("en", (*regions, "DE"))
    return [*kept, PhoneRecognizer(supported_regions=tuple(regions), leniency=leniency), *own]


def engine(recognizers: list[EntityRecognizer]) -> AnalyzerEngine:
    """Presidio's engine with context words and no model."""
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers, supported_languages=["en"]),
        nlp_engine=LightNlpEngine(["en"]),
        supported_languages=["en"],
        default_score_threshold=THRESHOLD,
    )


class Score:
    """Counts over texts: spans found, spans there, findings right, findings in all."""

    def __init__(self) -> None:
        self.found = self.there = self.right = self.findings = 0

    def add(self, spans: list[Span], got: list[tuple[int, int]]) -> None:
        """One text: the spans that are there and the findings of the same entity."""
        self.there += len(spans)
        self.found += sum(any(start < end_ and end > start_ for start_, end_ in got) for _, start, end in spans)
        self.findings += len(got)
        self.right += sum(any(start < end_ and end > start_ for _, start_, end_ in spans) for start, end in got)

    def __str__(self) -> str:
        precision = f"{self.right / self.findings:9.3f}" if self.findings else "        -"
        return f"{self.found / self.there:7.3f} {precision}"


def measure(one: AnalyzerEngine, entity: str, made: list[tuple[str, list[Span]]], noise: list[str]) -> Score:
    """An entity over its texts and as many of noise."""
    score = Score()
    known = entity in one.get_supported_entities("en")
    for text, spans in [*made, *((text, []) for text in noise)]:
        found = one.analyze(text, "en", entities=[entity]) if known else []
        score.add(spans, [(result.start, result.end) for result in found])
    return score


def networks(one: AnalyzerEngine, count: int) -> str:
    """Recall per card network, in a sentence without a telling word."""
    chance, parts = Random(9), []
    for network in CARDS:
        made = [f"It says {card(chance, network)} here" for _ in range(count)]
        found = sum(bool(one.analyze(text, "en", entities=["CREDIT_CARD"])) for text in made)
        parts.append(f"{network} {found / count:.2f}")
    return ", ".join(parts)


def alarms(one: AnalyzerEngine, some: list[str]) -> str:
    """Findings of each entity in clean texts; dates and addresses of the web are what they are."""
    counts: Counter[str] = Counter()
    for text in some:
        counts.update(result.entity_type for result in one.analyze(text, "en"))
    for harmless in ("DATE_TIME", "URL", "IP_ADDRESS", "UUID", "EMAIL_ADDRESS"):
        counts.pop(harmless, None)
    return ", ".join(f"{entity} {count}" for entity, count in counts.most_common()) or "none"


def secrets(one: AnalyzerEngine, count: int) -> None:
    """Recall and exact spans per rule of secrets."""
    print(f"\nsecrets: {count} made samples of each form in a sentence; found, exact span")
    chance = Random(2)
    rows = defaultdict(lambda: [0, 0, 0])
    for rule, forms in SAMPLES.items():
        for before, make, after in forms:
            for _ in range(count):
                secret = make(chance)
                text = f"This is what I have:\n{before}{secret}{after} and it fails"
                start = len("This is what I have:\n") + len(before)
                found = one.analyze(text, "en", entities=[rule])
                row = rows[rule]
                row[0] += 1
                row[1] += any(result.start < start + len(secret) and result.end > start for result in found)
                row[2] += any((result.start, result.end) == (start, start + len(secret)) for result in found)
    for rule, (there, found_, exact) in rows.items():
        print(f"  {rule:<28}{found_ / there:7.3f} {exact / there:7.3f}")


def main() -> None:
    """Print the tables with their conditions."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    noise = clean(count)
    before, after = engine(stock()), engine(ours(REGIONS, PHONE_LENIENCY))
    print(
        f"privacy quality: {count} texts of each entity and {count} of other numbers, threshold {THRESHOLD};", end=" "
    )
    print(f"presidio-analyzer {version('presidio-analyzer')}, phonenumbers {version('phonenumbers')}, ", end="")
    print(f"Python {platform.python_version()}; phone regions {' '.join(REGIONS)}")
    print(f"{'':<16}{'Presidio':>17}   {'ours':>17}\n{'entity':<16} recall precision    recall precision")
    for entity in values(REGIONS):
        made = texts(entity, REGIONS, count)
        theirs, own = measure(before, entity, made, noise), measure(after, entity, made, noise)
        print(f"{entity:<16}{theirs}   {own}")
    print("\nphones, ours by leniency (0 possible, 1 valid, 2 valid and grouped)")
    for leniency in (0, 1, 2):
        one = engine([PhoneRecognizer(supported_regions=REGIONS, leniency=leniency)])
        print(f"  {leniency}  {measure(one, 'PHONE_NUMBER', texts('PHONE_NUMBER', REGIONS, count), noise)}")
    print(f"\ncards by network, recall: Presidio {networks(before, count // 4)}")
    print(f"cards by network, recall: ours {networks(after, count // 4)}")
    print(f"\nfalse alarms in {count} texts of numbers: Presidio {alarms(before, noise)}; ours {alarms(after, noise)}")
    prose = clean_texts(1000)
    print(f"false alarms in 1000 clean texts: Presidio {alarms(before, prose)}; ours {alarms(after, prose)}")
    secrets(after, max(5, count // 10))


if __name__ == "__main__":
    main()
