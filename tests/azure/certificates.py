"""A certificate authority that is thrown away, and one server certificate for every host that the clients ask."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = (
    "localhost", "management.azure.com", "login.microsoftonline.com", "ml.azure.com", "*.api.azureml.ms",
    "*.blob.core.windows.net", "*.eastus.inference.ml.azure.com", "*.openai.azure.com", "*.services.ai.azure.com",
    "*.azurecr.io", "*.quokkas.org", "registry-1.docker.io", "auth.docker.io",
)  # fmt: skip


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """(authority, server certificate with its key), as PEM files."""
    now = dt.datetime.now(dt.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tunegate test authority")])

    def signed(subject: x509.Name, public: ec.EllipticCurvePublicKey, *more: tuple[x509.ExtensionType, bool]) -> bytes:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=2))
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        named = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        made = made.add_extension(named, critical=False)
        for extension, critical in more:
            made = made.add_extension(extension, critical=critical)
        return made.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    names = [*(x509.DNSName(host) for host in HOSTS), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    authority, server = folder / "authority.pem", folder / "server.pem"
    ca = signed(issuer, authority_key.public_key(), (x509.BasicConstraints(ca=True, path_length=None), True),
                (usage, True))  # fmt: skip
    leaf = signed(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")]), key.public_key(),
        (x509.SubjectAlternativeName(names), False), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    )  # fmt: skip
    authority.write_bytes(ca)
    kept = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server.write_bytes(kept + leaf)
    return authority, server
