"""The rules of secrets: every family is found with its exact span, and nothing where nobody's secret stands."""

from __future__ import annotations

import base64
import json
import re
import string
from pathlib import Path
from random import Random

import pytest
from clean_texts import clean_texts
from hypothesis import assume, given
from hypothesis import strategies as st
from secret_samples import ALNUM, SAMPLES, Maker, crc32_base62, some, url64

from service.data import rule_files
from service.errors import TuneGateError
from service.privacy.recognizers.checks import CHECKS, entropy
from service.privacy.recognizers.secret_rules import secret_rules
from service.privacy.recognizers.secrets import secret_recognizers

FILES = rule_files()
RULES = secret_rules(FILES)
RECOGNIZERS = {one.name: one for one in secret_recognizers(RULES, "en")}
# a finding below it needs a context word
THRESHOLD = 0.35
EQUAL = re.compile(r"(.)\1{5}", re.IGNORECASE)
# whole line or whole text: they have frames of their own
LINES = ("DB_PASSWORD=", "APP_SECRET=")
FORMS = [
    pytest.param(rule, before, make, after, id=f"{rule}-{number}")
    for rule, forms in SAMPLES.items()
    for number, (before, make, after) in enumerate(forms)
]
DASHES, KEY = "-" * 5, "PRIVATE KEY"
SEEDS = st.integers(min_value=0, max_value=2**32)


def spans(rule: str, text: str) -> list[tuple[int, int]]:
    return [(one.start, one.end) for one in RECOGNIZERS[rule].analyze(text, [rule])]


def score(rule: str, text: str) -> float:
    return max((one.score for one in RECOGNIZERS[rule].analyze(text, [rule])), default=0.0)


def test_every_rule_has_samples_and_a_page() -> None:
    assert set(RULES) - {"SECRET_ARGUMENT"} == set(SAMPLES)
    for rule in RULES.values():
        assert all(len(text) > 10 for text in (rule.title, rule.shape, rule.why, rule.rotate, rule.source)), rule.id


@pytest.mark.parametrize(("rule", "before", "make", "after"), FORMS)
@given(seed=SEEDS)
def test_a_made_secret_is_found_with_its_exact_span(rule: str, before: str, make: Maker, after: str, seed: int) -> None:
    secret = make(Random(seed))
    assume(not EQUAL.search(secret))  # 1 of 10,000 Slack tokens: six equal characters in a row are a stand-in
    start = f"Here:\n{before}"
    assert spans(rule, f"{start}{secret}{after}\nthat is all") == [(len(start), len(start) + len(secret))]


@pytest.mark.parametrize(("rule", "before", "make", "after"), FORMS)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("see ", ", please"),
        ('{"a": "', '"}'),
        ("(", ")"),
        ("密钥是", "吗。"),
        ("clé«", "»"),
        ("👉", "👈"),
        ("> ", "\r\n"),
    ],
)
def test_neighbours_do_not_hide_a_secret(
    rule: str, before: str, make: Maker, after: str, left: str, right: str
) -> None:
    secret = make(Random(11))
    if before in LINES:
        left = "\n"
    # what the secret's own alphabet would take in
    right = "\n" if rule in {"SECRET_PASSWORD", "SECRET_GENERIC_KEY", "SECRET_CONNECTION_STRING"} else right
    start = left + before
    found = spans(rule, f"{start}{secret}{after}{right}")
    assert [(at, end) for at, end in found if at < len(start) + len(secret) and end > len(start)] == [
        (len(start), len(start) + len(secret))
    ]


@pytest.mark.parametrize(("rule", "before", "make", "after"), FORMS)
def test_a_secret_of_one_character_repeated_is_a_placeholder(rule: str, before: str, make: Maker, after: str) -> None:
    secret = make(Random(3))
    hidden = re.sub(r"[A-Za-z0-9]{5,}", lambda match: "x" * len(match[0]), secret)
    assert spans(rule, f"{before}{hidden}{after}") == []


@pytest.mark.parametrize(
    "rule",
    ["SECRET_GITHUB_TOKEN", "SECRET_GITHUB_FINE_GRAINED", "SECRET_HUGGING_FACE_TOKEN", "SECRET_AWS_ACCESS_KEY",
     "SECRET_GOOGLE_API_KEY", "SECRET_STRIPE_KEY", "SECRET_OPENAI_KEY", "SECRET_NPM_TOKEN", "SECRET_AZURE_API_KEY"],
)  # fmt: skip
def test_a_letter_or_digit_beside_a_token_makes_it_another_word(rule: str) -> None:
    before, make, _ = SAMPLES[rule][0]
    secret = make(Random(5))
    assert spans(rule, f"{before}a{secret}") == []
    shorter = secret[:12] if rule == "SECRET_STRIPE_KEY" else secret[:-1]
    assert spans(rule, f"{before}{shorter} ") == []


@given(seed=SEEDS, rule=st.sampled_from(["SECRET_GITHUB_TOKEN", "SECRET_NPM_TOKEN"]))
def test_a_right_checksum_is_proof_and_a_wrong_one_is_below_the_threshold(seed: int, rule: str) -> None:
    chance = Random(seed)
    prefix = {"SECRET_GITHUB_TOKEN": "ghp", "SECRET_NPM_TOKEN": "npm"}[rule]
    body = some(chance, ALNUM, 30)
    right = crc32_base62(body)
    wrong = right[:-1] + chance.choice([one for one in string.digits if one != right[-1]])
    assert score(rule, f"{prefix}_{body}{right}") == 1.0
    assert score(rule, f"{prefix}_{body}{wrong}") < THRESHOLD


@pytest.mark.parametrize(("rule", "before", "make", "after"), FORMS)
def test_what_a_gate_reads_matches_wherever_a_secret_is_found(rule: str, before: str, make: Maker, after: str) -> None:
    """The gate sees the frame and the secret as one expression; the recognizer runs another."""
    text = f"Here:\n{before}{make(Random(6))}{after}\nthat is all"
    (pattern,) = RECOGNIZERS[rule].patterns
    (found,) = spans(rule, text)
    gate = re.search(pattern.regex, text, re.MULTILINE | re.DOTALL)
    assert gate is not None
    assert gate.start() <= found[0] < found[1] <= gate.end()


def _encoded(value: object) -> str:
    return url64(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("SECRET_JWT", f"{_encoded({'typ': 'JWT', 'kid': 'abcd'})}.{_encoded({'iss': 'some', 'n': 1})}.{'aB3' * 9}"),
        ("SECRET_JWT", f"{_encoded({'alg': 'HS256'})}.eyJub3QganNvbiBhdCBhbGw.{'aB3' * 9}"),
        ("SECRET_JWT", f"{_encoded({'alg': 'HS256'})}.{_encoded({'sub': '1234567890', 'n': 1})}.{'aB3' * 9}"),
        ("SECRET_AZURE_STORAGE_KEY", f"AccountKey={'aB3/' * 21}aB="),
        ("SECRET_AZURE_SAS", f"?sv=1&sig={'aB3' * 20}"),
        ("SECRET_AUTHORIZATION", "Authorization: Basic " + base64.b64encode(b"user:password").decode()),
        ("SECRET_PYPI_TOKEN", "pypi-" + url64(b"\x02\x01\x07abc.org" + bytes(range(60)))),
        ("SECRET_DISCORD_TOKEN", f"M{'zA9' * 8}.abC_12.{'aB3-' * 8}"),
        ("SECRET_PRIVATE_KEY", f"{DASHES}BEGIN {KEY}{DASHES}\n{'not base64, text. ' * 9}\n{DASHES}END {KEY}{DASHES}"),
        ("SECRET_URL_PASSWORD", "postgres://app:password@db/x"),
        ("SECRET_URL_PASSWORD", "postgres://app:${PASSWORD}@db/x"),
        ("SECRET_URL_PASSWORD", "redis://:6379@cache"),
        ("SECRET_URL_PASSWORD", "https://jo%40email.com:a%20secret@www.site.org"),
        ("SECRET_PASSWORD", 'password = "your-password-1"'),
        ("SECRET_PASSWORD", 'password: "user.password_9"'),
        ("SECRET_GENERIC_KEY", 'token = "models/llama-3-8b-instruct"'),
        ("SECRET_GENERIC_KEY", f"api_key={'abcdef0123456789' * 2}"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_is_none(rule: str, text: str) -> None:
    assert spans(rule, text) == []


def test_a_word_of_a_tool_argument_needs_a_telling_key() -> None:
    """The whole text scores below any threshold; Presidio's context words lift it."""
    text = some(Random(1), ALNUM, 20)
    assert 0 < score("SECRET_ARGUMENT", text) < THRESHOLD
    assert "password" in RECOGNIZERS["SECRET_ARGUMENT"].context
    assert spans("SECRET_ARGUMENT", "two words") == []
    assert spans("SECRET_ARGUMENT", "gpt-instruct-model") == []


def test_a_thousand_clean_texts_raise_no_alarm() -> None:
    texts = clean_texts(1000)
    assert len(texts) == 1000
    alarms = [(rule, number) for rule in RULES for number, text in enumerate(texts) if score(rule, text) >= THRESHOLD]
    assert alarms == []


@pytest.mark.parametrize("name", sorted(CHECKS))
@given(text=st.text(alphabet=string.printable + "é密", max_size=60))
def test_a_check_answers_any_text_that_can_match(name: str, text: str) -> None:
    matched = f"eyJ{text}.x.y".replace("\n", "") if name == "jwt" else text
    if name == "jwt" and matched.count(".") != 2:
        return
    assert CHECKS[name](matched) in {True, False, None}


@given(text=st.text(min_size=1))
def test_entropy_lies_between_nothing_and_all_different(text: str) -> None:
    bits = entropy(text)
    assert -1e-9 <= bits <= len(text).bit_length()
    assert abs(entropy(text * 2) - bits) < 1e-9


RULE = """[[rule]]
id = "{id}"
title = "A token of ours"
shape = "own_ and 8 digits"
why = "It opens our service."
rotate = "Ask for another one."
source = "own docs"
read-on = 2026-11-21
{lines}
"""


def test_a_file_of_ones_own_adds_a_rule() -> None:
    own = RULE.format(id="SECRET_OURS", lines="regex = 'own_[0-9]{8}'").encode()
    rules = secret_rules(FILES.overlaid({"privacy/secrets-ours.toml": own}))
    assert set(rules) == {*RULES, "SECRET_OURS"}
    found = secret_recognizers({"SECRET_OURS": rules["SECRET_OURS"]}, "en")[0].analyze(
        "x own_90417263 y", ["SECRET_OURS"]
    )
    assert [(one.start, one.end, one.score) for one in found] == [(2, 14, 0.5)]


def test_every_mistake_of_a_rule_file_is_told_with_its_line() -> None:
    own = (
        RULE.format(id="SECRET_JWT", lines="regex = '(?i)own_[0-9'\nscore = 3")
        + RULE.format(id="ours", lines="regex = 'x*'\ncheck = 'jwtt'\nmin_entropy = 3")
        + RULE.format(id="SECRET_GOOD", lines="regex = 'a('\nmin-entropy = 'high'")
        + RULE.format(id="SECRET_OTHER", lines="regex = 'x*'\nbefore = '('\ncheck = 'jwtt'").replace("own docs", "")
    )
    with pytest.raises(TuneGateError) as raised:
        secret_rules(FILES.overlaid({"privacy/secrets-ours.toml": own.encode()}))
    file = "privacy/secrets-ours.toml"
    assert raised.value.code == "invalid_rules"
    assert [(one.where, one.seen) for one in raised.value.errors] == [
        (f"{file}:2: SECRET_JWT", "an id used twice"),
        (f"{file}:10: SECRET_JWT", "score 3.0"),
        (f"{file}:9: SECRET_JWT", "a flag for the whole expression"),
        (f"{file}:21: ours", "no field 'min_entropy'"),
        (f"{file}:31: SECRET_GOOD", "min-entropy is a str"),
        (f"{file}:42: SECRET_OTHER", "check 'jwtt'"),
        (f"{file}:38: SECRET_OTHER", "an empty 'source'"),
        (f"{file}:40: SECRET_OTHER", "an expression that matches the empty text"),
        (f"{file}:41: SECRET_OTHER", "no regular expression: missing ), unterminated subpattern at position 0"),
    ]
    assert any(one.remedy == "Did you mean 'jwt'?" for one in raised.value.errors)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"[[rule]]\nid = ", "privacy/secrets-ours.toml:2"),
        (b"\xff", "privacy/secrets-ours.toml"),
        (b"[[rul]]\nid = 1", "privacy/secrets-ours.toml"),
        (b"rule = 3", "privacy/secrets-ours.toml: rule"),
        (b"rule = [{ id = 'SECRET_A' }, { id = 'SECRET_B' }]", "privacy/secrets-ours.toml:1: SECRET_A"),
    ],
)
def test_a_file_that_is_no_rule_file_is_named(content: bytes, where: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        secret_rules(FILES.overlaid({"privacy/secrets-ours.toml": content}))
    assert raised.value.errors[0].where == where


def test_no_sample_is_written_down() -> None:
    """Scanners of others would flag it, and rightly: the files hold no text that our own rules would find."""
    for path in Path(__file__).parent.glob("*.py"):
        text = path.read_text()
        found = [
            (rule, text[at:end]) for rule in RULES for at, end in spans(rule, text) if score(rule, text) >= THRESHOLD
        ]
        assert found == [], path.name
