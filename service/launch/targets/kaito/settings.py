"""Where jobs go in a cluster with KAITO: `[kaito]` of the targets file, each value also as TUNEGATE_KAITO_*."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from service.errors import ErrorItem
from service.launch.targets.configured import Shape, configured, place, require_none
from service.settings import Settings

KAITO, HERE = "kaito", "here"
# stands for the sha256 of the rows, so that no two datasets share a place
DIGEST = "{sha256}"
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = r"(?=.{1,253}$)[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
_PART = r"([a-z0-9]|\{sha256\})+((\.|_|__|-+)([a-z0-9]|\{sha256\})+)*"
_REPOSITORY = rf"({_HOST}/)?{_PART}(/{_PART})*"
_TAGGED = r"(:([A-Za-z0-9_]|\{sha256\})([A-Za-z0-9_.-]|\{sha256\}){0,127})?(@sha256:[0-9a-f]{64})?"
_SHAPES = {
    "namespace": Shape(_LABEL, "a namespace's name, lower case letters, digits and -"),
    "context": Shape(r"\S{0,253}", "the name of a context of the kubeconfig"),
    "instance_type": Shape(r"Standard_[A-Za-z0-9_]+", "a machine size, such as Standard_NC24ads_A100_v4"),
    "input_url": Shape(r"\S{1,2048}", f"the http(s) address of the rows; {DIGEST} stands for their sha256"),
    "input_image": Shape(_REPOSITORY + _TAGGED, "an image reference, lower case: REGISTRY/NAME:TAG"),
    "input_claim": Shape(_SUBDOMAIN, "the name of a PersistentVolumeClaim in the namespace"),
    "input_pull_secret": Shape(_SUBDOMAIN, "the name of a secret in the namespace"),
    "output_image": Shape(_REPOSITORY, "REGISTRY/NAME without a tag: each job gets its own tag"),
    "output_push_secret": Shape(_SUBDOMAIN, "the name of a secret of type kubernetes.io/dockerconfigjson"),
    "output_claim": Shape(_SUBDOMAIN, "the name of a PersistentVolumeClaim in the namespace"),
    "onnx": Shape(f"none|{HERE}", "none, or here: the service that fetches an adapter exports it"),
}
_RANGES = {"poll_seconds": (0.2, 3600)}
_INPUTS, _OUTPUTS = ("input_url", "input_image", "input_claim"), ("output_image", "output_claim")
# names that KAITO's admission refuses, with everything below localhost
_REFUSED_HOSTS = {"localhost", "metadata.google.internal", "metadata.google", "instance-data.ec2.internal"}
_URL = "http or https, a public host, no user, no query, ending in .jsonl"


class KaitoSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One namespace of a cluster; the kubeconfig (KUBECONFIG, else ~/.kube/config, else the pod's own) has the keys."""

    instance_type: str
    namespace: str = "default"
    # of the kubeconfig; empty: its current one
    context: str = ""
    # where the rows lie for the cluster: one of the three
    input_url: str = ""
    input_image: str = ""
    input_claim: str = ""
    input_pull_secret: str = ""
    # where the adapter goes: one of the two
    output_image: str = ""
    output_push_secret: str = ""
    output_claim: str = ""
    # "here": plans may ask for ONNX, which the service makes of the adapter and the plan's base model
    onnx: str = "none"
    poll_seconds: float = 10.0


def kaito_settings(settings: Settings) -> KaitoSettings:
    """The settings, the environment before the file.

    Raises:
        TuneGateError: `target_not_configured` with one item per value that is missing or unusable.
    """
    where = configured(KaitoSettings, KAITO, settings.kaito, settings, shapes=_SHAPES, ranges=_RANGES)
    require_none(KAITO, _together(where), settings)
    return where


def _together(where: KaitoSettings) -> list[ErrorItem]:
    errors = [*_one_of(where, _INPUTS), *_one_of(where, _OUTPUTS), *wrong_url(where.input_url)]
    if where.output_image and not where.output_push_secret:
        why = "KAITO pushes the adapter from the cluster: kubectl create secret docker-registry NAME ..."
        errors.append(ErrorItem(place(KAITO, "output_push_secret"), "nothing", "a secret's name", why))
    return errors


def _one_of(where: KaitoSettings, names: tuple[str, ...]) -> list[ErrorItem]:
    given = [name for name in names if getattr(where, name)]
    if len(given) == 1:
        return []
    return [ErrorItem(place(KAITO, names[0]), " and ".join(given) or "nothing", f"exactly one of {', '.join(names)}")]


def wrong_url(url: str) -> list[ErrorItem]:
    """What KAITO's admission, or we, have against an address; a signature in it would lie readable in the cluster."""
    if not url:
        return []
    where = place(KAITO, "input_url")
    try:
        parts = urlsplit(url.replace(DIGEST, "0" * 64))
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return [ErrorItem(where, "no address", _URL)]
    errors = []
    if parts.scheme not in {"http", "https"} or not host:
        errors.append(ErrorItem(where, f"scheme {parts.scheme or 'none'}", _URL))
    if parts.query or parts.fragment or parts.username is not None:
        why = "A signature would be readable in the Workspace: use an image, a claim, or an address without one."
        errors.append(ErrorItem(where, "a user, query or fragment", _URL, why))
    if host in _REFUSED_HOSTS or host.endswith(".localhost") or _inner(host):
        errors.append(ErrorItem(where, f"host {host}", _URL, "KAITO refuses hosts of the machine itself."))
    if not parts.path.endswith(".jsonl"):
        errors.append(ErrorItem(where, "another ending", _URL, "KAITO tells the format of rows by the file's name."))
    return errors


def _inner(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local or address.is_unspecified
