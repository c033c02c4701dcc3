"""Tests of a matched text by name: True is proof, False is no such thing, None leaves it to the score."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
import re
import string
import zlib
from collections import Counter
from collections.abc import Callable
from urllib.parse import unquote

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SEQUENCES = (string.digits * 2, string.ascii_lowercase, "qwertyuiopasdfghjklzxcvbnm")
# what stands in documentation where a secret would
_WORDS = re.compile(
    r"example|placeholder|change[-_]?me|change[-_]?this|redacted|sample|insert[-_]|replace[-_]|your[-_]|[-_]here|"
    r"(?:not[-_]?(?:a[-_]?)?real|fake|mock|dummy)[-_]|^test[-_]|foobar|(?:my|super|top|some)[-_]?(?:secret|password|token)|"
    r"(.)\1{5,}|\.\.\.|\u2026|\*\*\*",
    re.IGNORECASE,
)
# in a longer text a word comes up by chance: a PEM block, a JWT
_LONG = 200
_TEMPLATE = re.compile(r"^[<\[({$]|^%[A-Z_]+%$|\$\{|\{\{|<[a-z_ -]+>|%\(|%[sd]$|\}$", re.IGNORECASE)
_PASSWORDS = frozenset(
    {
        "password", "passwd", "pass", "pwd", "secret", "user", "username", "root", "admin", "guest", "test", "testing",
        "postgres", "mysql", "redis", "rabbitmq", "mongo", "hunter2", "letmein", "qwerty", "token", "key", "apikey",
        "api_key", "pw", "pswd", "hidden", "xxx", "foo", "bar", "baz", "minioadmin", "changeit", "default", "none",
        "null", "true", "false", "string", "passphrase", "password1", "password123", "test123", "admin123", "oauth2",
        "x-oauth-basic", "x-access-token",
    }
)  # fmt: skip
_NO_RANDOM_TEXT = re.compile(
    r"^[./~]|://|^sha(?:1|256|384|512)-|^[\d.:TZ+ -]+$|\.[a-z]{2,4}$|^0x[0-9a-fA-F]+$|"
    r"^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
)
# with a number here and there
_JOINED_WORDS = re.compile(r"[A-Za-z]+\d{0,4}(?:[_./-]+(?:[A-Za-z]+\d{0,4}|\d{1,4}))*")


def entropy(text: str) -> float:
    """Shannon's bits per character over the text's own characters; 0 for an empty text."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())


def placeholder(text: str) -> bool:
    """Whether the text stands for a secret instead of being one: example, xxxxxx, ${VAR}, <token>, 12345678."""
    if len(text) > _LONG:
        return False
    lower = text.lower()
    if _WORDS.search(text) or _TEMPLATE.search(text) or lower in _PASSWORDS:
        return True
    return any(lower[at : at + 8] in row for row in _SEQUENCES for at in range(max(1, len(lower) - 7)) if lower[at:])


def aws_account(text: str) -> bool | None:
    """The 12-digit account number inside an access key id: 40 bits behind the prefix, below 10^12."""
    try:
        raw = base64.b32decode(text[4:])
    except ValueError:
        return False
    account = (int.from_bytes(raw[:6], "big") & 0x7FFFFFFFFF80) >> 7
    return None if account < 10**12 else False


def crc32_base62(text: str) -> bool | None:
    """Six base-62 digits of the CRC-32 of what stands between the prefix and them."""
    body = text.partition("_")[2]
    return True if body[-6:] == base62(zlib.crc32(body[:-6].encode())) else None


def base62(number: int, digits: int = 6) -> str:
    """A number in base 62 (0-9 A-Z a-z), with leading zeros."""
    found = ""
    while number:
        number, digit = divmod(number, 62)
        found = _BASE62[digit] + found
    return found.rjust(digits, "0")


def _decoded(text: str, *, url: bool = False) -> bytes | None:
    padded = text.rstrip("=")
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), altchars=b"-_" if url else None, validate=True)
    except (binascii.Error, ValueError):
        return None


def _bytes(count: int) -> Callable[[str], bool | None]:
    def check(text: str) -> bool | None:
        raw = _decoded(text)
        return None if raw is not None and len(raw) == count else False

    return check


def signature_32_bytes(text: str) -> bool | None:
    """A SHA-256 signature in base64, percent-encoded, plain or in its alphabet for addresses."""
    plain = unquote(text)
    raw = _decoded(plain, url="-" in plain or "_" in plain)
    return None if raw is not None and len(raw) == 32 else False


def pypi_macaroon(text: str) -> bool | None:
    """A version-2 macaroon whose location is pypi.org or test.pypi.org."""
    raw = _decoded(text.removeprefix("pypi-")[:64], url=True) or _decoded(text.removeprefix("pypi-")[:60], url=True)
    if raw is None or raw[:2] != b"\x02\x01" or len(raw) < 4:
        return False
    return raw[3 : 3 + raw[2]] in {b"pypi.org", b"test.pypi.org"}


def _object(part: str) -> dict[str, object] | None:
    try:
        found = json.loads(_decoded(part, url=True) or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def jwt(text: str) -> bool | None:
    """A header with `alg` and a JSON object; the one that documentation shows (John Doe, 1234567890) is no secret."""
    header, payload, _ = text.split(".")
    head, claims = _object(header), _object(payload)
    if head is None or claims is None or not isinstance(head.get("alg"), str):
        return False
    return claims.get("sub") != "1234567890"


def private_key(text: str) -> bool | None:
    """A PEM body that is base64 of DER, of OpenSSH's format, encrypted or OpenPGP's; age keys pass by their shape."""
    if text.startswith("AGE-"):
        return None
    body = re.sub(r"\\[nr]|\\", "\n", text.partition("KEY")[2].partition("-----END")[0])
    if "PGP" in text[:40] or "\nProc-Type:" in body:
        return None
    raw = _decoded("".join(re.findall(r"[A-Za-z0-9+/=]+", body.partition("-----")[2])))
    if raw is None or len(raw) < 32:
        return False
    return raw[:1] == b"\x30" or raw.startswith(b"openssh-key-v1\0")


def discord(text: str) -> bool | None:
    """The first part of a bot token is its numeric id in base64; webhooks pass by their shape."""
    if "/" in text:
        return None
    raw = _decoded(text.partition(".")[0], url=True)
    return raw is not None and 15 <= len(raw) <= 20 and raw.isdigit()


def mixed_case(text: str) -> bool | None:
    """Capitals, small letters and digits: no hash in hexadecimal, no path of words."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits)
    return None if all(any(one in kind for one in text) for kind in kinds) else False


def password(text: str) -> bool | None:
    """A letter and something that is no letter, and no name, path, call or address."""
    if not re.search(r"[A-Za-z]", text) or not re.search(r"[^A-Za-z_.\-,;:()\[\]]", text):
        return False
    if re.search(r"://|^[./~]|\w\(|\)$|^[a-z_]+\.[a-z_]+|[,;]$|=$|^--|^@|^\\", text):
        return False
    return None


def url_password(text: str) -> bool | None:
    """What stands between the colon and the @ of an address: longer than a port, no name of a variable."""
    if text.isdigit() or re.fullmatch(r"[A-Z_]+|[a-z]+(?:[_-][a-z]+)+|:?[a-z]{1,12}", text):
        return False
    # documentation: a%20secret, pass123
    return False if re.fullmatch(r"(?i:\w{0,2}\W?(?:secret|password|passwd|pass)\W?\w{0,3})", unquote(text)) else None


def authorization(text: str) -> bool | None:
    """Basic decodes to name:password; a Bearer token has letters and digits."""
    raw = _decoded(text)
    if raw is not None and raw.isascii() and b":" in raw and raw.decode().isprintable():
        return not placeholder(raw.decode().partition(":")[2])
    return random_text(text)


def random_text(text: str) -> bool | None:
    """Letters and digits, or both cases well mixed; no UUID, path, joined words, hash with its name or number."""
    if not _mixed(text) or _NO_RANDOM_TEXT.search(text):
        return False
    return False if _JOINED_WORDS.fullmatch(text) and entropy(text) < 4 else None


def _mixed(text: str) -> bool:
    digits = sum(one.isdigit() for one in text)
    if not any(one.isalpha() for one in text):
        return False
    if digits:
        return digits > 2 or (mixed_case(text) is None and entropy(text) >= 4)
    # MyVeryLongNameOfAClass changes case at every word, random letters at every second
    changes = sum(one.isupper() != other.isupper() for one, other in itertools.pairwise(text))
    return len(text) >= 24 and changes > 0.3 * len(text)


def random_text_short(text: str) -> bool | None:
    """The same for one word of a tool argument, where a password may be short."""
    if len(text) < 16:
        return password(text)
    return random_text(text)


CHECKS: dict[str, Callable[[str], bool | None]] = {
    "aws_account": aws_account,
    "authorization": authorization,
    "base64_32_bytes": _bytes(32),
    "base64_64_bytes": _bytes(64),
    "crc32_base62": crc32_base62,
    "discord": discord,
    "jwt": jwt,
    "mixed_case": mixed_case,
    "password": password,
    "private_key": private_key,
    "pypi_macaroon": pypi_macaroon,
    "random_text": random_text,
    "random_text_short": random_text_short,
    "signature_32_bytes": signature_32_bytes,
    "url_password": url_password,
}

# the tests that can say yes; the others only rule out
PROOFS = frozenset({"authorization", "crc32_base62", "discord", "jwt", "private_key", "pypi_macaroon"})
