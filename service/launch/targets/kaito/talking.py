"""What the clients of cluster and registry raise, in our words: what may pass, what will not, and what is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import TuneGateError
from service.launch.targets.talking import PASSING, cleaned, naming
from service.launch.targets.talking import unreachable as any_unreachable

_CHECK = "tunegate targets check kaito says what is missing."


@contextmanager
def talking(doing: str) -> Iterator[None]:
    """Name what goes wrong in the block.

    Raises:
        TuneGateError: `missing_extra`, `target_unreachable`, `target_refused`, `remote_gone`.
    """
    with naming(doing, _known, extra="kaito", target="kaito"):
        yield


def _known(error: Exception, doing: str) -> TuneGateError | None:
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    if isinstance(error, ApiException):
        return _answered(int(error.status or 0), _said(error.body) or str(error.reason or ""), doing)
    if isinstance(error, ConfigException):
        remedy = "Set KUBECONFIG, or [kaito] context to one that it has; az aks get-credentials writes one."
        return TuneGateError("target_refused", f"{doing}: no usable kubeconfig: {cleaned(str(error))}.", remedy=remedy)
    if isinstance(error, HTTPError | RequestException | ConnectionError | TimeoutError):
        return unreachable(doing, type(error).__name__)
    return None


def _answered(status: int, said: str, doing: str) -> TuneGateError:
    if status == 404:
        return TuneGateError("remote_gone", f"{doing}: the cluster has no such thing.", remedy=_CHECK)
    if status in PASSING or status == 0:
        return unreachable(doing, f"status {status}" if status else cleaned(said))
    if status == 401:
        remedy = "Sign in again: az aks get-credentials, or renew the kubeconfig's token."
        return TuneGateError("target_refused", f"{doing}: the credential is not accepted.", remedy=remedy)
    return TuneGateError("target_refused", f"{doing}: status {status}: {cleaned(said)}", remedy=_CHECK)


def unreachable(doing: str, why: str, *, who: str = "the cluster") -> TuneGateError:
    """The error for what may pass."""
    return any_unreachable(doing, why, who=who)


def _said(body: object) -> str:
    """The message of a Status."""
    try:
        content = json.loads(body if isinstance(body, str | bytes) else "")
    except ValueError:
        return ""
    return str(content.get("message", "")) if isinstance(content, dict) else ""
