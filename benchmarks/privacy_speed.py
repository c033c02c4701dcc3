"""CPU of the privacy scan against Presidio's own AnalyzerEngine over the same recognizers, findings compared.

Run: python benchmarks/privacy_speed.py [MESSAGES]. One core, one run; the databases are made before the clock starts,
as they are kept between runs. Messages are prose of the installed documentation, cut to chat length; in a share of
them one item of personal data was put. Absolute times mean nothing on a shared machine.
"""

from __future__ import annotations

import platform
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from _corpora import texts

from service.privacy.analyzer import plain_analyzer
from service.privacy.found import Found
from service.privacy.scanner import Scanner, found_of
from service.privacy.settings import PrivacySettings

SEED = 7
REPEATS = 3
SHARES = (0.0, 0.05)
CHARACTERS = (60, 700)
ITEMS = (
    "You can reach me at {name}.{surname}@example.{tld}.",
    "My number is +1 212 555 0{three}.",
    "Call 020 7946 0{three} before noon.",
    "My SSN is 536-90-4{three}.",
    "Card 4111 1111 1111 1111, please.",
    "Pay to IBAN DE89 3704 0044 0532 0130 00.",
    "The server is 10.20.{two}.{two}.",
    "It is all on https://www.example.{tld}/{name}/{three}.",
    "Born on {two}/03/1987.",
    "The driver license is D{three}4567.",
)


def messages(count: int, share: float) -> list[str]:
    """Chat messages, an item in a share of them; one in four ends in a sign beyond ASCII."""
    chance = random.Random(SEED)
    prose = texts(count * 0.0006)
    made = []
    for text in (prose * (count // len(prose) + 1))[:count]:
        words = text[: chance.randint(*CHARACTERS)].split()
        if chance.random() < share:
            words.insert(chance.randrange(len(words) + 1), item(chance))
        made.append(" ".join(words) + chance.choice(("", "", "", " - née, 한국어")))
    return made


def item(chance: random.Random) -> str:
    return chance.choice(ITEMS).format(
        name=chance.choice(("ana", "omar", "li")),
        surname=chance.choice(("ruiz", "haddad", "wei")),
        tld=chance.choice(("com", "org", "net")),
        two=chance.randint(10, 28),
        three=chance.randint(100, 199),
    )


def cpu_seconds(work: Callable[[str], Any], corpus: list[str], repeats: int) -> tuple[float, list[Any]]:
    """The best of several runs over the corpus, and what the last one gave."""
    best, given = float("inf"), []
    for _ in range(repeats):
        start = time.process_time()
        given = [work(text) for text in corpus]
        best = min(best, time.process_time() - start)
    return best, given


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    settings = PrivacySettings()
    scanner = Scanner(settings)
    scanner.prepare()
    stock = plain_analyzer(settings)
    recognizers = len(stock.get_recognizers("en"))
    print(f"{platform.python_version()}, {platform.machine()}, {count} messages, {recognizers} recognizers")
    for share in SHARES:
        corpus = messages(count, share)
        characters = sum(map(len, corpus))

        def plain(text: str) -> list[Found]:
            return found_of(stock.analyze(text, "en"))

        scanner.scan(corpus[0])
        plain(corpus[0])
        slow, expected = cpu_seconds(plain, corpus, 1)
        fast, found = cpu_seconds(scanner.scan, corpus, REPEATS)
        assert found == expected, "the findings differ"
        print(
            f"{share:.0%} with an item: {slow / fast:.1f}x Presidio alone ({characters / slow / 1e6:.2f} -> "
            f"{characters / fast / 1e6:.2f} MB/s; {sum(map(len, found))} findings, the same)"
        )


if __name__ == "__main__":
    main()
