"""Tokens of an identity provider: a local issuer that signs real ones, and everything that can be wrong with one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from service.errors import TuneGateError
from service.records.access import Caller
from service.settings import load_settings
from service.verbs.entering.tokens import Tokens
from tests.access.conftest import House

ISSUER = "https://login.quokkas.org/11111111-aaaa/v2.0"
AUDIENCE = "api://tunegate"


class Issuer:
    """Serves the public halves of its keys, and signs with any of them."""

    def __init__(self) -> None:
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.served: list[str] = []
        self.fetched = 0
        self.up = True
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                content = json.dumps({"keys": [issuer.public(kid) for kid in issuer.served]}).encode()
                self.send_response(200 if issuer.up else 503)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def turn(self, kid: str) -> None:
        """Sign with a new key from now on, and serve it alone."""
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.served = [kid]

    def public(self, kid: str) -> dict[str, Any]:
        return json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.keys[kid].public_key())) | {"kid": kid, "use": "sig"}

    def token(self, kid: str | None = None, *, signed_by: str | None = None, **claims: Any) -> bytes:
        kid = kid or self.served[0]
        now = int(time.time())
        whole = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "oid": "object-id", "tid": "tenant-1", "iat": now,
            "nbf": now, "exp": now + 3600, "roles": ["tunegate.read"],
        } | claims  # fmt: skip
        whole = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(whole, self.keys[signed_by or kid], "RS256", headers={"kid": kid}).encode()

    def tokens(self, *, cooldown: float = 3600, pause: float = 0, **variables: str) -> Tokens:
        environment = {
            "TUNEGATE_OIDC_ISSUER": ISSUER, "TUNEGATE_OIDC_AUDIENCE": AUDIENCE, "TUNEGATE_OIDC_JWKS_URL": self.url,
        }  # fmt: skip
        settings = load_settings(environment | variables).access.oidc
        assert settings is not None
        return Tokens(settings, cooldown_seconds=cooldown, pause_seconds=pause)


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


@pytest.fixture
def issuer(running: Issuer) -> Issuer:
    if "first" not in running.keys:
        running.turn("first")
    running.served, running.fetched, running.up = ["first"], 0, True
    return running


def test_tokens_and_keys_are_ways_into_one_service(issuer: Issuer, serve: Callable[..., House]) -> None:
    house = serve(
        TUNEGATE_OIDC_ISSUER=ISSUER, TUNEGATE_OIDC_AUDIENCE=AUDIENCE, TUNEGATE_OIDC_JWKS_URL=issuer.url,
        TUNEGATE_OIDC_PROJECTS="tenant-1=library",
    )  # fmt: skip

    def ask(method: str, path: str, token: bytes, **more: Any) -> Any:
        return house.client.request(method, path, headers={"Authorization": b"Bearer " + token}, **more)

    house.refused(house.client.get("/v1/jobs"), 401, "unauthorized")
    writer = issuer.token(roles=["tunegate.read", "tunegate.write"])
    made = ask("POST", "/v1/decisions", writer, json={"facts": {}})
    assert made.status_code == 201
    path = f"/v1/decisions/{made.json()['id']}"
    assert ask("GET", path, writer).json() == made.json()
    house.refused(ask("DELETE", "/v1/datasets/none", issuer.token()), 403, "forbidden")
    assert ask("GET", path, issuer.token(roles=None, scope="email tunegate.read")).status_code == 200
    house.refused(ask("GET", path, issuer.token(tid="tenant-2")), 403, "forbidden")
    house.refused(ask("GET", path, issuer.token(aud="another")), 401, "unauthorized")
    assert ask("GET", path, house.key("library").secret.encode()).status_code == 200
    house.refused(ask("GET", path, house.key("elsewhere").secret.encode()), 404, "unknown_id")
    issuer.up = False
    # the keys of the provider are known by now
    assert ask("GET", path, writer).status_code == 200


def untimed(caller: Caller) -> Caller:
    """The same whenever its token expires, which must be ahead."""
    assert caller.until is not None
    assert caller.until > time.time()
    return msgspec.structs.replace(caller, until=None)


def refusal(tokens: Tokens, token: bytes, code: str = "unauthorized") -> str:
    with pytest.raises(TuneGateError) as caught:
        tokens.caller(token)
    assert caught.value.code == code
    assert caught.value.remedy
    return caught.value.detail


def test_roles_and_scopes_become_ours(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    assert untimed(tokens.caller(issuer.token())) == Caller("default", "oidc:object-id", frozenset({"read"}))
    both = issuer.token(roles=["tunegate.admin", "other"], scp="tunegate.lint openid", oid=None)
    assert untimed(tokens.caller(both)) == Caller("default", "oidc:someone", frozenset({"admin", "lint"}))
    long = {
        tokens.caller(issuer.token(sub=odd, oid=None)).actor for odd in ("s" * 255, "s" * 254 + "t", "a\0b", "a\nb")
    }
    assert len(long) == 4
    assert all(one.isprintable() and len(one) == len("oidc:") + 64 for one in long)
    mapped = issuer.tokens(TUNEGATE_OIDC_SCOPES="ML.Engineer=launch ML.Engineer=read,Auditor=admin")
    assert mapped.caller(issuer.token(roles=["ML.Engineer"])).scopes == {"launch", "read"}
    refusal(mapped, issuer.token(roles=["tunegate.read"]), "forbidden")
    refusal(tokens, issuer.token(roles="tunegate.nothing"), "forbidden")
    # RFC 9068: one text with spaces between, and a type of its own
    access = issuer.token(roles=None, oid=None, scope="openid tunegate.read tunegate.launch", client_id="ci")
    assert untimed(tokens.caller(access)) == Caller("default", "oidc:someone", frozenset({"read", "launch"}))
    refusal(tokens, issuer.token(roles=None, scope="tunegate.readx openid"), "forbidden")
    assert issuer.fetched == 2  # once for each, however many tokens


def test_tenants_and_groups_become_projects(issuer: Issuer) -> None:
    tokens = issuer.tokens(TUNEGATE_OIDC_PROJECTS="group-7=speech,tenant-1=library")
    assert tokens.caller(issuer.token()).project == "library"
    assert tokens.caller(issuer.token(groups=["group-1", "group-7"])).project == "speech"
    refusal(tokens, issuer.token(tid="tenant-2"), "forbidden")


def test_what_is_wrong_with_a_token_is_refused(issuer: Issuer) -> None:
    tokens, now = issuer.tokens(), int(time.time())
    wrong = {
        "audience": issuer.token(aud="api://another"),
        "issuer": issuer.token(iss="https://login.quokkas.org/other/v2.0"),
        "expired": issuer.token(exp=now - 3600),
        "not yet": issuer.token(nbf=now + 3600),
        "endless": issuer.token(exp=None),
        "nobody": issuer.token(sub=None),
        "no audience": issuer.token(aud=None),
        "changed": issuer.token()[:-8] + b"AAAAAAAA",
        "no token": b"a.b.c",
        "nothing": b"..",
        "no text": b"\xff\xfe.\xff.\xff",
    }
    for name, token in wrong.items():
        assert "not valid here" in refusal(tokens, token), name
    assert "expired" in refusal(tokens, wrong["expired"])


def test_clocks_may_differ_by_a_minute(issuer: Issuer) -> None:
    tokens, now = issuer.tokens(), int(time.time())
    assert tokens.caller(issuer.token(exp=now - 1)).project == "default"
    # far from both edges, for the clock goes on while this runs
    refusal(tokens, issuer.token(exp=now - 120))


def test_the_algorithm_is_ours_to_choose(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    public = issuer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    forged = [
        jwt.encode(claims, None, "none", headers={"kid": "first"}).encode(),
        # the public key taken for a shared secret (CVE-2015-9256 and its like)
        hmac_signed(claims, pem),
        jwt.encode(claims, "x" * 64, "HS512", headers={"kid": "first"}).encode(),
        # a key of the forger's own, sent along
        with_own_key(claims, issuer.url),
    ]
    for token in forged:
        refusal(tokens, token)


def hmac_signed(claims: dict[str, Any], secret: bytes) -> bytes:
    import base64
    import hashlib
    import hmac

    def part(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    head = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "first"}).encode())
    body = head + b"." + part(json.dumps(claims).encode())
    return body + b"." + part(hmac.new(secret, body, hashlib.sha256).digest())


def with_own_key(claims: dict[str, Any], url: str) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return jwt.encode(claims, key, "RS256", headers={"kid": "first", "jwk": own, "jku": url}).encode()


def test_a_new_key_of_the_issuer_is_found_and_the_old_one_is_gone(issuer: Issuer) -> None:
    tokens = issuer.tokens(cooldown=0)
    old = issuer.token()
    assert tokens.caller(old).project == "default"
    issuer.turn("second")
    assert tokens.caller(issuer.token()).project == "default"
    assert issuer.fetched == 2
    refusal(tokens, old)


def test_made_up_key_ids_do_not_become_requests(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    assert tokens.caller(issuer.token()).project == "default"
    for n in range(20):
        refusal(tokens, issuer.token(f"made-up-{n}", signed_by="first"))
    assert issuer.fetched == 1


def test_while_the_provider_is_away_known_keys_still_serve(issuer: Issuer) -> None:
    fresh, known = issuer.tokens(), issuer.tokens()
    known.caller(issuer.token())
    issuer.up = False
    assert known.caller(issuer.token()).project == "default"
    refusal(fresh, issuer.token(), "identity_unreachable")
    issuer.up = True
    assert fresh.caller(issuer.token()).project == "default"


def test_a_provider_that_is_away_is_not_asked_again_and_again(issuer: Issuer) -> None:
    tokens = issuer.tokens(cooldown=0, pause=3600)
    tokens.caller(issuer.token())
    issuer.up = False
    for n in range(5):
        refusal(tokens, issuer.token(f"made-up-{n}", signed_by="first"), "identity_unreachable")
        assert tokens.caller(issuer.token()).project == "default"
    assert issuer.fetched == 2
