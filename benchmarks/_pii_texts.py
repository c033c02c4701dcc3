"""Texts with personal data whose places are known, and numbers that are nobody's; all made, none from a public set."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable, Sequence

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

Span = tuple[str, int, int]
ALNUM = string.ascii_uppercase + string.digits

TEMPLATES = [
    "Hi, my {what} is {value}, can you check it?",
    "Please update the record: {value}.",
    "{value} - that is what the form says.",
    "I wrote down {value} but the site refuses it.",
    "Customer gave {what} {value} on the second of May, ticket {noise}.",
    '{{"{key}": "{value}", "ref": "{noise}"}}',
    "The {what}: {value}\nOrder: {noise}",
    "Use {value}, please, and not the old one.",
    "ok so {value}?",
    "He said his {what} was ({value}).",
    "Name: J. Doe; {what}: {value}; note: none",
    "- {what} = {value}\n- amount = 1,250.00 EUR",
]
# what a person would call it
NAMES = {
    "CREDIT_CARD": ["card", "credit card number", "card no."],
    "PHONE_NUMBER": ["phone number", "mobile", "telephone", "cell"],
    "IBAN_CODE": ["IBAN", "bank account"],
    "US_SSN": ["SSN", "social security number"],
    "UK_NHS": ["NHS number"],
    "UK_NINO": ["national insurance number", "NINO"],
    "DE_TAX_ID": ["Steuer-ID", "steuer identifikationsnummer"],
    "PH_TIN": ["TIN", "BIR TIN"],
    "PH_SSS": ["SSS number"],
    "PH_PHILHEALTH": ["PhilHealth number"],
    "EMAIL_ADDRESS": ["e-mail", "email"],
    "IP_ADDRESS": ["IP", "address"],
}
# network -> first digits and lengths, written apart from rules/privacy/cards.toml
CARDS = {
    "Visa": (["4"], [13, 16, 19]),
    "Mastercard": (["51", "55", "2221", "2300", "2720"], [16]),
    "American Express": (["34", "37"], [15]),
    "Discover": (["6011", "622126", "644", "65"], [16, 19]),
    "Diners Club": (["300", "305", "36", "38"], [14]),
    "JCB": (["3528", "3589"], [16]),
    "JCB 15": (["2131", "1800"], [15]),
    "UnionPay": (["62"], [16, 17, 18, 19]),
    "Maestro": (["5018", "5020", "5038", "6304", "6759", "6761", "6763", "57"], [12, 13, 14, 15, 16, 17, 18, 19]),
    "RuPay": (["60", "6521", "81", "82"], [16]),
    "Mir": (["2200", "2204"], [16]),
    "Elo": (["636368", "438935", "504175"], [16]),
    "Hipercard": (["606282"], [16]),
    "Troy": (["9792"], [16]),
}
IBANS = {"DE": "18n", "GB": "4a14n", "FR": "10n11c2n", "NL": "4a10n", "ES": "20n", "IT": "1a10n12c", "PL": "24n",
         "NO": "11n", "MT": "4a5n18c", "QA": "4a21c", "BR": "23n1a1c", "CH": "5n12c"}  # fmt: skip


def digits(chance: random.Random, count: int) -> str:
    """So many digits; the first is not 0."""
    return str(chance.randrange(10 ** (count - 1), 10**count))


def luhn_digit(body: str) -> str:
    """The digit that makes a number pass."""
    total = sum(sum(divmod(int(one) * (2 - at % 2), 10)) for at, one in enumerate(reversed(body)))
    return str(-total % 10)


def card(chance: random.Random, network: str) -> str:
    """A number of a network as people write it."""
    starts, lengths = CARDS[network]
    size, start = chance.choice(lengths), chance.choice(starts)
    body = start + "".join(chance.choices(string.digits, k=size - 1 - len(start)))
    number = body + luhn_digit(body)
    gap = chance.choice(["", "", " ", "-"])
    if size == 15:
        return gap.join([number[:4], number[4:10], number[10:]])
    if size == 14:
        return gap.join([number[:4], number[4:10], number[10:]])
    return gap.join(number[at : at + 4] for at in range(0, size, 4))


def iban(chance: random.Random) -> str:
    """An IBAN, in groups of four or not, sometimes in small letters."""
    country = chance.choice(list(IBANS))
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": ALNUM}
    count, account = "", ""
    for one in IBANS[country]:
        if one.isdigit():
            count += one
        else:
            account, count = account + "".join(chance.choices(alphabets[one], k=int(count))), ""
    number = int("".join(str(int(one, 36)) for one in account + country + "00"))
    whole = f"{country}{98 - number % 97:02d}{account}"
    if chance.random() < 0.5:
        whole = " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))
    return whole.lower() if chance.random() < 0.15 else whole


def phone(chance: random.Random, region: str) -> str:
    """A number that exists, in one of the ways it is written: national in its region, with + and the code anywhere."""
    kind = chance.choice([PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE])
    example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    assert example is not None
    national = str(example.national_number)
    for _ in range(200):
        changed = int(national[:3] + "".join(chance.choices(string.digits, k=len(national) - 3)))
        number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=changed)
        if phonenumbers.is_valid_number_for_region(number, region):
            break
    else:
        number = example
    way = chance.choice(["national", "national", "international", "e164", "dots", "dashes", "bare", "pairs"])
    if way == "e164":
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if way == "international":
        return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    written = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    if way == "pairs":
        plain = "".join(one for one in written if one.isdigit())
        return " ".join([plain[:4], *(plain[at : at + 2] for at in range(4, len(plain), 2))])
    if way == "dots":
        return ".".join(written.replace("(", "").replace(")", "").replace("-", " ").split())
    if way == "dashes":
        return "-".join(written.replace("(", "").replace(")", "").replace("-", " ").split())
    return "".join(one for one in written if one.isdigit()) if way == "bare" else written


def nhs(chance: random.Random) -> str:
    """A number of the NHS, in its groups or not."""
    while True:
        body = digits(chance, 9)
        check = -sum(weight * int(one) for weight, one in zip(range(10, 1, -1), body, strict=True)) % 11
        if check < 10:
            whole = f"{body}{check}"
            return f"{whole[:3]} {whole[3:6]} {whole[6:]}" if chance.random() < 0.7 else whole


def nino(chance: random.Random) -> str:
    """A British national insurance number."""
    pairs = [digits(chance, 2) for _ in range(3)]
    return " ".join(["".join(chance.choices("ABCEHJ", k=2)), *pairs, chance.choice("ABCD")])


def mail(chance: random.Random) -> str:
    """An address."""
    return f"{''.join(chance.choices(string.ascii_lowercase, k=7))}@mail{chance.randrange(99)}.org"


def ph_tin(chance: random.Random) -> str:
    """A Philippine tax number with or without its branch code."""
    while True:
        body = digits(chance, 8)
        check = sum(weight * int(one) for weight, one in zip(range(9, 1, -1), body, strict=True)) % 11
        if check < 10:
            whole = f"{body}{check}"
            return "-".join([whole[:3], whole[3:6], whole[6:], *chance.choice([[], ["000"], ["00000"]])])


def de_tax_id(chance: random.Random) -> str:
    """A German identification number, printed in groups or not."""
    while True:
        nine = chance.sample("123456789", 9)
        body = [*nine, chance.choice(nine)]
        chance.shuffle(body)
        product = 10
        for one in body:
            product = 2 * ((int(one) + product) % 10 or 10) % 11
        whole = "".join(body) + str((11 - product) % 10)
        return f"{whole[:2]} {whole[2:5]} {whole[5:8]} {whole[8:]}" if chance.random() < 0.5 else whole


def values(regions: Sequence[str]) -> dict[str, Callable[[random.Random], str]]:
    """Entity -> how a value of it is made."""
    return {
        "CREDIT_CARD": lambda chance: card(chance, chance.choice(list(CARDS))),
        "PHONE_NUMBER": lambda chance: phone(chance, chance.choice(list(regions))),
        "IBAN_CODE": iban,
        "US_SSN": lambda chance: f"{chance.randrange(100, 665)}-{digits(chance, 2)}-{digits(chance, 4)}",
        "UK_NHS": nhs,
        "UK_NINO": nino,
        "DE_TAX_ID": de_tax_id,
        "PH_TIN": ph_tin,
        "PH_SSS": lambda chance: f"{digits(chance, 2)}-{digits(chance, 7)}-{digits(chance, 1)}",
        "PH_PHILHEALTH": lambda chance: f"{digits(chance, 2)}-{digits(chance, 9)}-{digits(chance, 1)}",
        "EMAIL_ADDRESS": mail,
        "IP_ADDRESS": lambda chance: ".".join(str(chance.randrange(1, 255)) for _ in range(4)),
    }


def noise(chance: random.Random) -> str:
    """A number or id that is nobody's."""
    return chance.choice(NOISE)(chance)


def _isbn(chance: random.Random) -> str:
    body = f"978{digits(chance, 9)}"
    check = -sum(int(one) * (1 + 2 * (at % 2)) for at, one in enumerate(body)) % 10
    return chance.choice([f"{body}{check}", f"978-{body[3]}-{body[4:8]}-{body[8:12]}-{check}"])


NOISE: list[Callable[[random.Random], str]] = [
    lambda chance: str(chance.randrange(1_500_000_000, 1_800_000_000)),
    lambda chance: str(chance.randrange(1_500_000_000_000, 1_800_000_000_000)),
    lambda chance: str(chance.randrange(1_500_000_000_000_000, 1_800_000_000_000_000)),
    lambda chance: str(chance.randrange(1_500_000_000_000_000_000, 1_800_000_000_000_000_000)),
    lambda chance: digits(chance, chance.choice([6, 7, 8])),
    lambda chance: digits(chance, chance.choice([9, 10, 11, 12])),
    lambda chance: digits(chance, chance.choice([16, 18, 19, 20])),
    lambda chance: f"ORD-{digits(chance, 10)}",
    lambda chance: f"#{digits(chance, 5)}",
    lambda chance: (
        f"20{digits(chance, 2)}-{chance.randrange(10, 13)}-{chance.randrange(10, 28)} 1{chance.randrange(10)}:22:11"
    ),
    _isbn,
    lambda chance: str(uuid.UUID(int=chance.getrandbits(128))),
    lambda chance: f"{chance.getrandbits(160):040x}",
    lambda chance: f"1Z{''.join(chance.choices(ALNUM, k=16))}",
    lambda chance: f"{chance.randrange(20)}.{chance.randrange(30)}.{chance.randrange(90)}",
    lambda chance: f"{chance.uniform(0, 1):.12f}",
    lambda chance: f"{digits(chance, 2)},{digits(chance, 3)},{digits(chance, 3)}.{digits(chance, 2)}",
    lambda chance: f"{chance.randrange(100, 4000)}x{chance.randrange(100, 4000)}",
    lambda chance: f"192.168.{chance.randrange(255)}/24 port {chance.randrange(1024, 65535)}",
    lambda chance: f"{chance.uniform(-90, 90):.6f}, {chance.uniform(-180, 180):.6f}",
]
CLEAN = [
    "Order {noise} has shipped, reference {noise}.",
    "The log says {noise} and then {noise}.",
    '{{"id": {noise}, "hash": "{noise}"}}',
    "See build {noise} of {noise}.",
    "Result: {noise}",
    "The values were {noise}; {noise}; {noise}.",
]


def texts(entity: str, regions: Sequence[str], count: int, seed: int = 3) -> list[tuple[str, list[Span]]]:
    """Texts with one value of an entity each and where it stands."""
    chance = random.Random(f"{seed} {entity}")
    make = values(regions)[entity]
    found = []
    for _ in range(count):
        template, value, what = chance.choice(TEMPLATES), make(chance), chance.choice(NAMES[entity])
        filled = template.format(value="\0", what=what, key=what.replace(" ", "_"), noise=f"T{digits(chance, 4)}")
        at = filled.index("\0")
        found.append((filled.replace("\0", value), [(entity, at, at + len(value))]))
    return found


def clean(count: int, seed: int = 4) -> list[str]:
    """Texts full of numbers that are nobody's."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        template = chance.choice(CLEAN)
        while "{noise}" in template:
            template = template.replace("{noise}", noise(chance), 1)
        found.append(template.replace("{{", "{").replace("}}", "}"))
    return found
