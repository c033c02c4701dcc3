"""Cards, IBANs and national ids: found with their exact span, by numbers made here, and silent on numbers of others."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from random import Random

import hyperscan
import phonenumbers
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer import PatternRecognizer, predefined_recognizers

from service.data import RuleFiles, rule_files
from service.errors import TuneGateError
from service.privacy.recognizers import REPLACED, own_recognizers
from service.privacy.recognizers.cards import CardRecognizer, load_networks, luhn
from service.privacy.recognizers.iban import IbanByCountryRecognizer, check_digits_fit, load_countries
from service.privacy.recognizers.id_rules import id_rules
from service.privacy.recognizers.national import STOCK
from service.privacy.recognizers.regions import default_regions

FILES = rule_files()
EVERYWHERE = tuple(sorted({country for rule in id_rules(FILES) for country in rule.countries}))
CARDS = CardRecognizer(load_networks(FILES), "en")
COUNTRIES = {one.id: one for one in load_countries(FILES)}
IBANS = IbanByCountryRecognizer(list(COUNTRIES.values()), "en")
IDS = {one.supported_entities[0]: one for one in own_recognizers("en", EVERYWHERE)}
SEEDS = st.integers(min_value=0, max_value=2**32)
# first digits and lengths from the networks' public lists, apart from the rule file
NETWORKS = {
    "visa": ("4", [13, 16, 19]), "mastercard": ("51", [16]), "mastercard-2": ("2221", [16]),
    "mastercard-2-last": ("2720", [16]), "amex": ("34", [15]), "amex-37": ("37", [15]), "discover": ("6011", [16, 19]),
    "diners": ("36", [14]), "diners-300": ("300", [14]), "jcb": ("3528", [16]), "jcb-2131": ("2131", [15]),
    "jcb-1800": ("1800", [15]), "unionpay": ("62", [16, 17, 18, 19]), "maestro": ("5018", list(range(12, 20))),
    "maestro-6304": ("6304", list(range(12, 20))), "rupay": ("6521", [16]), "rupay-82": ("82", [16]),
    "mir": ("2200", [16]), "elo": ("636368", [16]), "hipercard": ("606282", [16]), "troy": ("9792", [16]),
}  # fmt: skip
GROUPS = {12: [4, 4, 4], 13: [4, 4, 4, 1], 14: [4, 6, 4], 15: [4, 6, 5], 16: [4, 4, 4, 4], 17: [4, 4, 4, 4, 1],
          18: [4, 4, 4, 4, 2], 19: [4, 4, 4, 4, 3]}  # fmt: skip


def spans(one: PatternRecognizer, text: str) -> list[tuple[int, int]]:
    return sorted({(found.start, found.end) for found in one.analyze(text, one.supported_entities)})


def numbered(chance: Random, start: str, size: int) -> str:
    body = start + "".join(chance.choices(string.digits, k=size - 1 - len(start)))
    return next(body + last for last in string.digits if luhn(body + last))


def grouped(text: str, sizes: list[int], gap: str) -> str:
    found, at = [], 0
    for size in sizes:
        found.append(text[at : at + size])
        at += size
    return gap.join(found)


@pytest.mark.parametrize("network", sorted(NETWORKS))
@given(seed=SEEDS, gap=st.sampled_from(["", " ", "-", "\u00a0", "."]))
def test_a_card_of_every_network_is_found_in_its_groups(network: str, seed: int, gap: str) -> None:
    chance = Random(seed)
    start, lengths = NETWORKS[network]
    size = chance.choice(lengths)
    number = grouped(numbered(chance, start, size), GROUPS[size], gap)
    text = f"Pay with {number}, please"
    assert (9, 9 + len(number)) in spans(CARDS, text)


@given(seed=SEEDS)
def test_a_number_after_a_card_is_not_part_of_it(seed: int) -> None:
    number = grouped(numbered(Random(seed), "4", 16), [4, 4, 4, 4], " ")
    assert (5, 5 + len(number)) in spans(CARDS, f"card {number} 12 of 27")


@given(seed=SEEDS, network=st.sampled_from(sorted(NETWORKS)))
def test_one_wrong_digit_is_no_card(seed: int, network: str) -> None:
    chance = Random(seed)
    start, lengths = NETWORKS[network]
    number = numbered(chance, start, chance.choice(lengths))
    at = chance.randrange(len(number))
    wrong = number[:at] + chance.choice([one for one in string.digits if one != number[at]]) + number[at + 1 :]
    assert spans(CARDS, f"see {wrong} here") == []


def test_times_and_ids_are_no_cards() -> None:
    """What a Luhn digit alone would let pass once in ten."""
    chance = Random(8)
    made = [
        *(str(chance.randrange(1_500_000_000_000, 1_800_000_000_000)) for _ in range(400)),
        *(str(chance.randrange(1_500_000_000_000_000, 1_800_000_000_000_000)) for _ in range(400)),
        *(str(chance.randrange(1_100_000_000_000_000_000, 1_300_000_000_000_000_000)) for _ in range(400)),
        *(f"978{chance.randrange(10**9, 10**10)}" for _ in range(400)),
        *(f"639{chance.randrange(10**8, 10**9)}" for _ in range(400)),
        *(f"{chance.uniform(0, 1):.16f}" for _ in range(400)),
        *(f"{chance.getrandbits(256):064x}" for _ in range(400)),
        *(f"{chance.getrandbits(64):016x}-4111111111111111a" for _ in range(50)),
    ]
    assert [one for one in made if spans(CARDS, f"id {one} done")] == []


def iban(chance: Random, country: str) -> str:
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}
    parts = re.findall(r"(\d+)([nac])", COUNTRIES[country].account)
    account = "".join("".join(chance.choices(alphabets[kind], k=int(count))) for count, kind in parts)
    number = int("".join(str(int(one, 36)) for one in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02d}{account}"


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_an_iban_of_every_country_is_found_in_any_writing(country: str) -> None:
    chance = Random(country)
    for _ in range(5):
        whole = iban(chance, country)
        fours = " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))
        for written in (whole, whole.lower(), fours, fours.replace(" ", "-"), fours.replace(" ", "\u00a0")):
            assert spans(IBANS, f"to {written} 2 days from today") == [(3, 3 + len(written))]
        wrong = whole[:3] + str((int(whole[3]) + 1) % 10) + whole[4:]
        assert spans(IBANS, f"to {wrong}!") == []


def test_the_formats_agree_with_published_examples() -> None:
    """The registry's own examples: they hold whatever this file's arithmetic says."""
    examples = ["GB29 NWBK 6016 1331 9268 19", "DE89 3704 0044 0532 0130 00", "FR14 2004 1010 0505 0001 3M02 606",
                "NL91 ABNA 0417 1643 00", "NO93 8601 1117 947", "CH93 0076 2011 6238 5295 7",
                "SA03 8000 0000 6080 1016 7519",
                "BR18 0036 0305 0000 1000 9795 493C 1", "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
                "QA58 DOHB 0000 1234 5678 90AB CDEF G", "PS92 PALS 0000 0000 0400 1234 5670 2",
                "MU17 BOMM 0101 1010 3030 0200 000M UR", "TR33 0006 1005 1978 6457 8413 26"]  # fmt: skip
    assert [one for one in examples if spans(IBANS, one) != [(0, len(one))]] == []
    assert check_digits_fit("GB29NWBK60161331926819")


# published examples or numbers worked out by hand from the published rule
@pytest.mark.parametrize(
    ("entity", "right", "wrong"),
    [
        ("UK_NHS", "943 476 5919", "943 476 5918"),
        ("MEDICAL_LICENSE", "AB1234563", "AB1234564"),
        ("DE_TAX_ID", "86 095 742 719", "86 095 742 718"),
        ("SG_NRIC_FIN", "S1234567D", "S1234567E"),
        ("IN_PAN", "ABCPE1234F", "ABCDE1234F"),
        ("PH_TIN", "123-456-782-000", "123-456-783-000"),
        ("PH_SSS", "34-1234567-8", "34-123456-78"),
        ("PH_PHILHEALTH", "12-123456789-0", "12-12345678-90"),
        ("PH_UMID", "0111-1234567-8", "0111-123456-78"),
        ("PH_PAGIBIG", "1210-1234-5678", "1210-12345-678"),
        ("PH_PHILSYS", "1234-5678-9012-3456", "1234-56789-012-3456"),
        ("UK_NINO", "AB 12 34 56 C", "BG 12 34 56 C"),
        ("ES_NIF", "12345678Z", "12345678A"),
        ("PL_PESEL", "44051401359", "44051401358"),
        ("IN_AADHAAR", "312345678909", "312345678900"),
        ("CA_SIN", "130 692 544", "130 692 545"),
        ("AU_TFN", "876 543 210", "876 543 211"),
        ("AU_ABN", "51 824 753 556", "51 824 753 557"),
    ],
)
def test_an_id_is_found_and_its_neighbour_is_not(entity: str, right: str, wrong: str) -> None:
    assert (3, 3 + len(right)) in spans(IDS[entity], f"is {right}, yes")
    assert spans(IDS[entity], f"is {wrong}, yes") == []


@pytest.mark.parametrize("entity", ["UK_NHS", "PH_TIN", "IN_AADHAAR", "AU_TFN", "AU_MEDICARE", "CA_SIN"])
def test_bare_digits_never_pass_the_threshold_by_themselves(entity: str) -> None:
    chance = Random(entity)
    one = IDS[entity]
    made = [str(chance.randrange(10 ** (size - 1), 10**size)) for size in (9, 10, 12) for _ in range(300)]
    scores = [found.score for text in made for found in one.analyze(text, [entity])]
    assert scores
    assert max(scores) < 0.35


def test_what_is_on_depends_on_language_and_regions() -> None:
    def entities(language: str, *regions: str) -> set[str]:
        found = {one.supported_entities[0] for one in own_recognizers(language, regions)}
        return {one for one in found if not one.startswith("SECRET_")}

    assert entities("tl") >= {"PH_TIN", "PH_SSS", "PH_PHILHEALTH", "PH_UMID", "PH_PHILSYS", "CREDIT_CARD", "IBAN_CODE"}
    assert "PH_TIN" not in entities("en", "US")
    assert "PH_TIN" in entities("en", "US", "PH")
    assert "DE_TAX_ID" in entities("de")
    assert "ES_NIF" not in entities("es", "ES"), "Presidio has it on for es by itself"
    assert all(one.supported_language == "ko" for one in own_recognizers("ko", ("US",)))


def test_the_names_that_are_replaced_are_presidios_and_in_the_rules() -> None:
    assert {rule.replaces for rule in id_rules(FILES)} - {""} | {"CreditCardRecognizer", "IbanRecognizer"} == REPLACED
    assert set(vars(predefined_recognizers)) >= REPLACED


def test_a_gate_may_read_every_recognizer() -> None:
    """Their search is PatternRecognizer's own, and every pattern compiles in both engines."""
    wanted = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_PREFILTER
    for one in own_recognizers("en", EVERYWHERE):
        assert type(one).analyze is PatternRecognizer.analyze, one.name
        assert one.global_regex_flags & ~(regex.I | regex.M | regex.S) == 0, one.name
        for pattern in one.patterns:
            re.compile(pattern.regex)
            assert pattern.regex.isascii(), one.name
            assert not re.search(r"\\[xuNpPKkG]", pattern.regex), one.name
            # as the gate relaxes it: an upper bound of 64 or more is none
            relaxed = re.sub(r"\{(\d+),(\d{3,}|[6-9]\d)\}", r"{\1,}", pattern.regex)
            for flags in (wanted, wanted | hyperscan.HS_FLAG_UCP):
                hyperscan.Database().compile(expressions=[relaxed.encode()], ids=[0], elements=1, flags=[flags])


def test_regions_are_phonenumbers_own_and_every_language_has_some() -> None:
    for language in ("en", "tl", "de", "fr", "es", "ko", "xx", "en-PH"):
        assert set(default_regions(language, FILES)) <= phonenumbers.SUPPORTED_REGIONS
    assert "PH" in default_regions("en", FILES)
    assert default_regions("xx", FILES) == default_regions("en", FILES)


CARD = """[[network]]
id = "x"
title = "X"
iin = ["4-51"]
lengths = [40]
source = "s"
read-on = 2026-11-21
"""
ID = """[[id]]
id = "X"
recognizer = "UkNinoRecognise"
languages = []
countries = []
reason = "r"
source = "s"
read-on = 2026-11-21
check = "nhs"
scores = [0.5]
"""
READERS: dict[str, Callable[[RuleFiles], object]] = {
    "cards": load_networks,
    "iban": load_countries,
    "regions": lambda files: default_regions("en", files),
    "national-ids": lambda files: id_rules(files, STOCK),
}


@pytest.mark.parametrize(
    ("name", "content", "seen"),
    [
        ("cards", CARD, {("4: x", "iin '4-51'"), ("5: x", "lengths [40]")}),
        ("iban", '[[country]]\nid = "de"\naccount = "18x"', {("2: de", "id 'de'"), ("3: de", "account '18x'")}),
        ("regions", '[[language]]\nid = "en"\nregions = ["France"]', {("3: en", "regions ['France']")}),
        (
            "national-ids",
            ID,
            {("3: X", "recognizer 'UkNinoRecognise'"), ("9: X", "check 'nhs'"), ("10: X", "scores [0.5]")},
        ),
    ],
)
def test_every_mistake_of_a_file_is_told_with_its_line(name: str, content: str, seen: set[tuple[str, str]]) -> None:
    files = FILES.overlaid({f"privacy/{name}.toml": content.encode()})
    with pytest.raises(TuneGateError) as raised:
        READERS[name](files)
    assert raised.value.code == "invalid_rules"
    assert {(one.where, one.seen) for one in raised.value.errors} == {
        (f"privacy/{name}.toml:{where}", what) for where, what in seen
    }
