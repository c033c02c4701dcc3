"""Where messages go: listed addresses alone, looked at before they are connected to, over TLS by their names."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from receiver import Receiver
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.allowed_addresses import AllowedAddress
from service.webhooks.reachable import may_connect
from service.webhooks.secrets import shown
from service.webhooks.sending import Answer, Sender
from service.webhooks.signing import signed_headers

SECRET = bytes(range(32))
BODY = b'{"type":"webhook.ping"}'


def sent(url: str, *listed: str, leads_to: Sequence[str] = (), private: bool = False) -> Answer:
    """A try; with `leads_to` the name has these addresses."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (bool(host), bool(port)) == (True, True)
        return leads_to

    allowed = [AllowedAddress(one) for one in listed]
    sender = Sender(allowed, private=private, **({"resolve": resolve} if leads_to else {}))  # type: ignore[arg-type]
    return asyncio.run(sender.post(url, {"webhook-id": "m"}, BODY))


def test_what_is_not_listed_is_not_asked(receiver: Receiver) -> None:
    assert sent(f"{receiver.url}/a/b", f"{receiver.url}/a") == Answer("delivered", 204)
    for url, listed in (
        (f"{receiver.url}/b", f"{receiver.url}/a"),
        (f"{receiver.url}/a/../b", f"{receiver.url}/a"),
        (f"http://localhost:{receiver.port}/a", f"{receiver.url}/a"),
        (f"{receiver.url}/a", "https://hooks.example.com"),
    ):
        assert sent(url, listed) == Answer("address_refused")
    assert [one.path for one in receiver.got] == ["/a/b"]


def test_a_redirect_leads_nowhere(receiver: Receiver) -> None:
    other = Receiver()
    receiver.answers = [(307, {"Location": f"{other.url}/a"}), (301, {"Location": "/b"})]
    for status in (307, 301):
        assert sent(f"{receiver.url}/a", receiver.url, other.url) == Answer("redirected", status)
    assert (len(receiver.got), other.got) == (2, [])
    other.stop()


def test_a_name_that_leads_here_is_not_connected_to(receiver: Receiver) -> None:
    """DNS rebinding: the name is a listed one, its address is not what was meant."""
    url = f"https://hooks.example.com:{receiver.port}/a"
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.7"):
        assert sent(url, url, leads_to=[address]) == Answer("address_refused"), address
        assert sent(url, url, leads_to=["93.184.215.14", address]) == Answer("address_refused"), address
    assert receiver.got == []


@pytest.mark.parametrize(
    ("host", "found", "public", "private"),
    [
        ("hooks.example.com", ["93.184.215.14"], True, True),
        ("hooks.example.com", ["2606:2800:220:1:248:1893:25c8:1946"], True, True),
        ("hooks.example.com", ["10.1.2.3"], False, True),
        ("hooks.example.com", ["fd00::1"], False, True),
        ("hooks.example.com", ["::ffff:10.1.2.3"], False, True),
        ("hooks.example.com", ["64:ff9b::a01:203"], False, True),
        ("hooks.example.com", ["2002:a01:203::1"], False, True),
        ("hooks.example.com", ["64:ff9b::5db8:d70e"], True, True),
        ("hooks.example.com", ["127.0.0.1"], False, False),
        ("hooks.example.com", ["64:ff9b::7f00:1"], False, False),
        ("hooks.example.com", ["169.254.169.254"], False, False),
        ("hooks.example.com", ["fe80::1"], False, False),
        ("hooks.example.com", ["0.0.0.0"], False, False),
        ("hooks.example.com", ["224.0.0.1"], False, False),
        ("hooks.example.com", ["100.64.0.1"], False, False),
        ("hooks.example.com", ["93.184.215.14", "127.0.0.1"], False, False),
        ("hooks.example.com", [], False, False),
        ("10.1.2.3", ["10.1.2.3"], True, True),
        ("10.1.2.3", ["10.1.2.4"], False, False),
        ("[fd00::1]", ["fd00::1"], True, True),
        ("127.0.0.1", ["127.0.0.1"], True, True),
        ("localhost", ["::1", "127.0.0.1"], True, True),
        ("localhost", ["93.184.215.14"], False, False),
    ],
)
def test_which_addresses_a_listed_host_may_have(host: str, found: list[str], public: bool, private: bool) -> None:
    url = f"https://{host}:8443/a"
    assert (may_connect(url, found, private=False), may_connect(url, found, private=True)) == (public, private)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's, for one name, signed by itself; and the file to trust it by."""
    key, day = ec.generate_private_key(ec.SECP256R1()), dt.timedelta(days=1)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    moment = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), moment - day, moment + day
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        key, hashes.SHA256()
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem


def test_a_certificate_is_held_against_the_name_and_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, pem = certificate(tmp_path, "localhost")
    server = Receiver(tls=context)
    by_name, by_address = f"https://localhost:{server.port}/a", f"https://127.0.0.1:{server.port}/a"
    assert sent(by_name, by_name, leads_to=["127.0.0.1"]) == Answer("tls_failed")  # nobody vouches for it
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert sent(by_name, by_name, leads_to=["127.0.0.1"]) == Answer("delivered", 204)
    assert sent(by_address, by_address) == Answer("tls_failed")
    assert [one.headers["host"] for one in server.got] == [f"localhost:{server.port}"]
    server.stop()


def test_nobody_there_or_no_such_name_is_an_answer(receiver: Receiver) -> None:
    receiver.stop()
    assert sent(receiver.url, receiver.url) == Answer("unreachable")
    assert sent("https://nobody.invalid/a", "https://nobody.invalid") == Answer("unreachable")


def test_others_refuse_what_was_changed_or_is_old() -> None:
    now = int(dt.datetime.now(dt.UTC).timestamp())
    headers = signed_headers("m1", now, BODY, [bytes(32), SECRET])
    verifier = Webhook(shown(SECRET))
    assert verifier.verify(BODY, headers) == {"type": "webhook.ping"}
    assert Webhook(shown(bytes(32))).verify(BODY, headers)  # while secrets are exchanged both hold
    for body, changed in (
        (BODY + b" ", headers),
        (BODY, headers | {"webhook-id": "m2"}),
        (BODY, headers | {"webhook-timestamp": str(now + 1)}),
        (BODY, signed_headers("m1", now - 600, BODY, [SECRET])),
        (BODY, signed_headers("m1", now + 600, BODY, [SECRET])),
        (BODY, signed_headers("m1", now, BODY, [bytes(32)])),
    ):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, changed)
