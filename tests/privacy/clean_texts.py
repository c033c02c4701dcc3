"""Texts in which nobody's secret stands: prose, code, hashes, ids, lock files, minified scripts, placeholders."""

from __future__ import annotations

import base64
import hashlib
import json
import string
import uuid
from importlib.metadata import distributions
from pathlib import Path
from random import Random

WORDS = ["alpha", "river", "stone", "cloud", "paper", "green", "table", "music", "light", "house", "button", "model"]
PLACEHOLDERS = [
    "export OPENAI_API_KEY=sk-...",
    'client = OpenAI(api_key="YOUR_API_KEY")',
    'api_key = os.environ["API_KEY"]',
    "postgres://user:password@localhost:5432/db",
    "DATABASE_URL=postgresql://${DB_USER}:${DB_PASSWORD}@${DB_HOST}/app",
    "amqp://guest:guest@localhost:5672//",
    "redis://:<password>@host:6379/0",
    "mongodb://username:****@host/db",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    'curl -H "Authorization: Bearer YOUR_ACCESS_TOKEN_GOES_HERE" https://api.example.com',
    'password = "xxxxxxxxxxxx"',
    'password: "changeme123"',
    "DB_PASSWORD=your_password_here",
    'secret_key = "insert-your-secret-key-123456"',
    "AccountKey=<your-account-key>;EndpointSuffix=core.windows.net",
    "Server=db;User Id=sa;Password={your_password};",
    'token = get_token(session, "v2")',
    'pad_token = "<|endoftext|>", eos_token: "[EOS_TOKEN_0001]"',
    "password = input('Password: ')",
    '"password": {"type": "string", "minLength": 12}',
    'access_token: str = Field(description="the token of 2026")',
    "the token: 'invalid_grant_error_description' is returned",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "npm_" + "0" * 36,
    "hf_" + "x" * 34,
    "AKIA" + "X" * 16,
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
    "git clone https://github.com/org/repo.git && ssh://git@github.com:22/org/repo",
    "http://localhost:8080/path?user=a@b.c and http://[::1]:80@x",
    "next_page_token: 'CAUQAA', csrf_token={{ csrf_token() }}",
]


def _hashes(chance: Random) -> str:
    raw = chance.randbytes(20)
    kinds = ("md5", "sha1", "sha256", "sha512")
    digests = [f"{kind}:{hashlib.new(kind, raw, usedforsecurity=False).hexdigest()}" for kind in kinds]
    return f"commit {raw.hex()}\n" + "\n".join(digests) + f"\netag: {uuid.UUID(bytes=chance.randbytes(16))}"


def _lock_file(chance: Random) -> str:
    packages = {}
    for _ in range(4):
        name = f"{chance.choice(WORDS)}-{chance.choice(WORDS)}"
        packages[f"node_modules/{name}"] = {
            "version": f"{chance.randrange(9)}.{chance.randrange(30)}.{chance.randrange(9)}",
            "resolved": f"https://registry.npmjs.org/{name}/-/{name}.tgz",
            "integrity": "sha512-" + base64.b64encode(chance.randbytes(64)).decode(),
        }
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=1)


def _wheels(chance: Random) -> str:
    return "\n".join(
        f'    {{ url = "https://wheels.test/packages/{chance.randbytes(32).hex()}/x-1.{n}-py3-none-any.whl", '
        f'hash = "sha256:{chance.randbytes(32).hex()}", size = {chance.randrange(10**6)} }},'
        for n in range(5)
    )


def _image(chance: Random) -> str:
    content = base64.b64encode(chance.randbytes(chance.randrange(300, 3000))).decode()
    return f'<img src="data:image/png;base64,iVBORw0KGgo{content}">'


def _minified(chance: Random) -> str:
    def name() -> str:
        return "".join(chance.choices(string.ascii_letters, k=chance.choice([1, 1, 2, 3])))

    calls = (
        f'{name()}.{name()}=function({name()}){{return {name()}[{chance.randrange(999)}]||"{chance.choice(WORDS)}"}}'
        for _ in range(60)
    )
    return f"!function(e,t){{{';'.join(calls)}}}(this);"


def _ids(chance: Random) -> str:
    rows = [
        {
            "id": f"chatcmpl-{''.join(chance.choices(string.ascii_letters + string.digits, k=29))}",
            "call": f"call_{''.join(chance.choices(string.ascii_letters + string.digits, k=24))}",
            "trace": chance.randbytes(16).hex(),
            "at": chance.randrange(1_500_000_000_000, 1_800_000_000_000),
            "uuid": str(uuid.UUID(bytes=chance.randbytes(16))),
            "image": f"ghcr.io/o/{chance.choice(WORDS)}@sha256:{chance.randbytes(32).hex()}",
            "url": f"https://{chance.choice(WORDS)}.io/w?v={''.join(chance.choices(string.ascii_letters, k=11))}&t=1m",
        }
        for _ in range(3)
    ]
    return json.dumps(rows)


def _documents() -> list[str]:
    """Documentation and code of the installed packages, whatever they are, in pieces of a message's size."""
    found: list[str] = []
    for package in sorted(distributions(), key=lambda one: one.name):
        paths = [path for path in package.files or [] if path.suffix in {".md", ".rst", ".py", ".txt", ".json", ".js"}]
        # the same few of each package, and not the largest packages' thousands
        for path in sorted(paths, key=str)[:: max(1, len(paths) // 12)]:
            place = Path(str(path.locate()))
            if place.is_file() and place.stat().st_size > 2500:
                found.append(place.read_text(encoding="utf-8", errors="ignore")[1000:2500])
    return found


def clean_texts(count: int = 1000, seed: int = 5) -> list[str]:
    """So many texts: half of them documentation and code, the other half made."""
    chance = Random(seed)
    documents = _documents()
    chance.shuffle(documents)
    made = list(PLACEHOLDERS)
    kinds = (_hashes, _lock_file, _wheels, _image, _minified, _ids)
    while len(made) < count - min(len(documents), count // 2):
        made.append(chance.choice(kinds)(chance))
    return (made + documents)[:count]
