"""Makes secrets of every family from random numbers: none is written down, and none is anybody's."""

from __future__ import annotations

import base64
import json
import string
import zlib
from collections.abc import Callable
from random import Random

ALNUM = string.ascii_letters + string.digits
URL64 = ALNUM + "-_"
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"


def some(chance: Random, alphabet: str, count: int) -> str:
    """A word of so many characters; it ends in a letter or digit, as a secret between words must be told apart."""
    return "".join(chance.choices(alphabet, k=count - 1)) + chance.choice([one for one in alphabet if one.isalnum()])


def b64(chance: Random, count: int) -> str:
    """So many random bytes in base64."""
    return base64.b64encode(chance.randbytes(count)).decode()


def url64(content: bytes) -> str:
    """Base64 for addresses without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def crc32_base62(body: str) -> str:
    """Six digits, written here once more: the tests do not ask the code what is right."""
    number, found = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        found = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + found
    return found


def _checked(prefix: str) -> Callable[[Random], str]:
    def make(chance: Random) -> str:
        body = some(chance, ALNUM, 30)
        return f"{prefix}_{body}{crc32_base62(body)}"

    return make


def _aws(chance: Random) -> str:
    account = chance.randrange(10**12)
    raw = ((1 << 47) | (account << 7) | chance.randrange(128)).to_bytes(6, "big") + chance.randbytes(4)
    return chance.choice(["AKIA", "ASIA"]) + base64.b32encode(raw).decode()


def _jwt(chance: Random) -> str:
    header = json.dumps({"alg": "RS256", "kid": some(chance, HEX, 8)}).encode()
    payload = json.dumps({"iss": some(chance, string.ascii_lowercase, 9), "exp": chance.randrange(10**9)}).encode()
    return f"{url64(header)}.{url64(payload)}.{url64(chance.randbytes(64))}"


def _pem(chance: Random) -> str:
    kind = chance.choice(["", "RSA ", "EC "])
    body = base64.b64encode(b"\x30\x82" + chance.randbytes(300)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    gap = chance.choice(["\n", "\\n", "\r\n"])
    dashes = "-" * 5
    return gap.join([f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}", *lines, f"{dashes}END {kind}PRIVATE KEY{dashes}"])


def _openssh(chance: Random) -> str:
    body = base64.b64encode(b"openssh-key-v1\0" + chance.randbytes(200)).decode()
    dashes = "-" * 5
    return f"{dashes}BEGIN OPENSSH PRIVATE KEY{dashes}\n{body}\n{dashes}END OPENSSH PRIVATE KEY{dashes}"


def _pypi(chance: Random) -> str:
    place = chance.choice([b"pypi.org", b"test.pypi.org"])
    return "pypi-" + url64(b"\x02\x01" + bytes([len(place)]) + place + chance.randbytes(100))


def _discord(chance: Random) -> str:
    number = str(chance.randrange(10**17, 9 * 10**17)).encode()
    return f"{url64(number)}.{some(chance, URL64, 6)}.{some(chance, URL64, 38)}"


def _password(chance: Random) -> str:
    return some(chance, string.ascii_letters, 5) + chance.choice("!#%&") + some(chance, ALNUM, 8) + "7"


def _openai(chance: Random) -> str:
    size = chance.choice([58, 74])
    kind = chance.choice(["proj", "svcacct", "admin"])
    return f"sk-{kind}-{some(chance, URL64, size)}T3BlbkFJ{some(chance, URL64, size)}"


def _percent(chance: Random) -> str:
    return b64(chance, 32).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


def _basic(chance: Random) -> str:
    name, word = some(chance, string.ascii_lowercase, 6), some(chance, ALNUM, 11)
    return base64.b64encode(f"{name}:{word}".encode()).decode()


def _slack(chance: Random) -> str:
    return f"xoxb-{some(chance, '123456789', 12)}-{some(chance, '123456789', 13)}-{some(chance, ALNUM, 24)}"


def _slack_app(chance: Random) -> str:
    return f"xapp-1-A{some(chance, BASE32, 10)}-{some(chance, '123456789', 13)}-{some(chance, HEX, 64)}"


def _telegram(chance: Random) -> str:
    return f"{chance.randrange(10**9, 10**10)}:AA{some(chance, URL64, 33)}"


def _atlassian(chance: Random) -> str:
    return f"ATATT3{some(chance, URL64, 180)}={some(chance, HEX, 8).upper()}"


def _shape(pattern: str, alphabet: str, count: int) -> Callable[[Random], str]:
    return lambda chance: pattern.format(some(chance, alphabet, count))


Maker = Callable[[Random], str]
# rule -> (what stands before, how the secret is made, what stands after), several for a family of several
SAMPLES: dict[str, list[tuple[str, Maker, str]]] = {
    "SECRET_AWS_ACCESS_KEY": [("", _aws, "")],
    "SECRET_AWS_SECRET_KEY": [
        ("aws_secret_access_key = ", lambda chance: b64(chance, 30), ""),
        ('"secretAccessKey": "', lambda chance: b64(chance, 30), '"'),
    ],
    "SECRET_AWS_BEDROCK_KEY": [("", lambda chance: "ABSK" + b64(chance, 90), "")],
    "SECRET_AZURE_CLIENT_SECRET": [("", lambda chance: f"{some(chance, ALNUM, 3)}8Q~{some(chance, URL64, 34)}", "")],
    "SECRET_AZURE_STORAGE_KEY": [("AccountName=a1;AccountKey=", lambda chance: b64(chance, 64), ";EndpointSuffix=x")],
    "SECRET_AZURE_SHARED_KEY": [("SharedAccessKeyName=all;SharedAccessKey=", lambda chance: b64(chance, 32), "")],
    "SECRET_AZURE_SAS": [
        ("https://a.blob.core.windows.net/c/b?sv=2024-11-04&se=2030-01-01&sr=b&sp=r&sig=", _percent, ""),
        ("https://x.logic.azure.com/w?sp=%2Ftriggers&sv=1.0&sig=", lambda chance: url64(chance.randbytes(32)), ""),
    ],
    "SECRET_AZURE_API_KEY": [("", lambda chance: f"{some(chance, ALNUM, 52)}JQQJ99{some(chance, ALNUM, 26)}", "")],
    "SECRET_AZURE_API_KEY_HEX": [
        ("Ocp-Apim-Subscription-Key: ", _shape("{}", HEX, 32), ""),
        ("api-key: ", _shape("{}", HEX, 32), ""),
    ],
    "SECRET_AZURE_DEVOPS_TOKEN": [("", lambda chance: f"{some(chance, ALNUM, 76)}AZDO{some(chance, ALNUM, 4)}", "")],
    "SECRET_GOOGLE_API_KEY": [("", _shape("AIza{}", URL64, 35), "")],
    "SECRET_GOOGLE_OAUTH": [("", _shape("GOCSPX-{}", URL64, 28), ""), ("", _shape("ya29.{}", URL64, 120), "")],
    "SECRET_GITHUB_TOKEN": [("", _checked("ghp"), ""), ("", _checked("ghs"), "")],
    "SECRET_GITHUB_FINE_GRAINED": [
        ("", lambda chance: f"github_pat_{some(chance, ALNUM, 22)}_{some(chance, ALNUM, 59)}", "")
    ],
    "SECRET_GITLAB_TOKEN": [
        ("", _shape("glpat-{}", URL64, 20), ""),
        ("", _shape("glpat-{}.01.0a1b2c3d4", URL64, 27), ""),
    ],
    "SECRET_ATLASSIAN_TOKEN": [("", _atlassian, "")],
    "SECRET_OPENAI_KEY": [
        ("", _openai, ""),
        ("", lambda chance: f"sk-{some(chance, ALNUM, 20)}T3BlbkFJ{some(chance, ALNUM, 20)}", ""),
    ],
    "SECRET_ANTHROPIC_KEY": [("", _shape("sk-ant-api03-{}AA", URL64, 93), "")],
    "SECRET_HUGGING_FACE_TOKEN": [("", _shape("hf_{}", string.ascii_letters, 34), "")],
    "SECRET_MODEL_PROVIDER_KEY": [
        ("", _shape("gsk_{}", ALNUM, 52), ""),
        ("", _shape("r8_{}", ALNUM, 37), ""),
        ("", _shape("sk-or-v1-{}", HEX, 64), ""),
        ("", _shape("nvapi-{}", URL64, 64), ""),
    ],
    "SECRET_SLACK_TOKEN": [
        ("", _slack, ""),
        ("", _slack_app, ""),
    ],
    "SECRET_SLACK_WEBHOOK": [
        (
            "https://hooks.slack.com/services/",
            lambda chance: f"T{some(chance, BASE32, 9)}/B{some(chance, BASE32, 9)}/{some(chance, ALNUM, 24)}",
            "",
        )
    ],
    "SECRET_DISCORD_TOKEN": [("", _discord, "")],
    "SECRET_TELEGRAM_TOKEN": [
        ("", _telegram, ""),
        ("https://api.telegram.org/bot", _telegram, "/getMe"),
    ],
    "SECRET_STRIPE_KEY": [("", _shape("sk_live_{}", ALNUM, 24), ""), ("", _shape("rk_test_{}", ALNUM, 99), "")],
    "SECRET_COMMERCE_TOKEN": [("", _shape("shpat_{}", HEX, 32), "")],
    "SECRET_SENDGRID_KEY": [("", lambda chance: f"SG.{some(chance, URL64, 22)}.{some(chance, URL64, 43)}", "")],
    "SECRET_MAIL_KEY": [("", _shape("key-{}", HEX, 32), ""), ("", _shape("{}-us12", HEX, 32), "")],
    "SECRET_TWILIO_KEY": [("twilio sid ", _shape("SK{}", HEX, 32), "")],
    "SECRET_NPM_TOKEN": [("//registry.npmjs.org/:_authToken=", _checked("npm"), "")],
    "SECRET_PYPI_TOKEN": [("", _pypi, "")],
    "SECRET_REGISTRY_TOKEN": [("", _shape("dckr_pat_{}", URL64, 27), ""), ("", _shape("rubygems_{}", HEX, 48), "")],
    "SECRET_CLOUD_TOKEN": [("", _shape("dapi{}", HEX, 32), ""), ("", _shape("dop_v1_{}", HEX, 64), "")],
    "SECRET_HASHICORP_TOKEN": [
        ("", _shape("hvs.{}", URL64, 95), ""),
        ("", lambda chance: f"{some(chance, ALNUM, 14)}.atlasv1.{some(chance, URL64, 65)}", ""),
    ],
    "SECRET_MONITORING_TOKEN": [
        ("", lambda chance: f"glsa_{some(chance, ALNUM, 32)}_{some(chance, HEX, 8)}", ""),
        ("", _shape("NRAK-{}", string.ascii_uppercase + string.digits, 27), ""),
    ],
    "SECRET_WORKSPACE_TOKEN": [
        ("", _shape("lin_api_{}", ALNUM, 40), ""),
        ("", lambda chance: f"PMAK-{some(chance, HEX, 24)}-{some(chance, HEX, 34)}", ""),
        ("", lambda chance: f"pat{some(chance, ALNUM, 14)}.{some(chance, HEX, 64)}", ""),
    ],
    "SECRET_PRIVATE_KEY": [("", _pem, ""), ("", _openssh, "")],
    "SECRET_JWT": [("", _jwt, "")],
    "SECRET_URL_PASSWORD": [
        ("postgres://app:", _password, "@db.internal:5432/orders"),
        ("mongodb+srv://app:", _password, "@cluster0.abc.mongodb.net"),
        ("https://build:", _password, "@git.internal/team/repo.git"),
        ("redis://:", _password, "@cache.internal:6379/0"),
    ],
    "SECRET_CONNECTION_STRING": [("Server=tcp:db,1433;User ID=app;Password=", _password, ";Encrypt=true")],
    "SECRET_AUTHORIZATION": [
        ("Authorization: Bearer ", _shape("{}", ALNUM, 40), ""),
        ('"authorization": "Basic ', _basic, '"'),
    ],
    "SECRET_PASSWORD": [
        ('password = "', _password, '"'),
        ("'passwd': '", _password, "'"),
        ("DB_PASSWORD=", _password, "\nDB_HOST=x"),
    ],
    "SECRET_GENERIC_KEY": [
        ('api_key = "', _shape("{}", ALNUM, 40), '"'),
        ('"client_secret": "', _shape("{}", ALNUM, 32), '"'),
        ("APP_SECRET=", _shape("{}", ALNUM, 32), "\n"),
    ],
}  # fmt: skip
