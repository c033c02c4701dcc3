"""What the openai client and the credential raise, in our words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

from service.errors import TuneGateError
from service.launch.targets.talking import PASSING, causes, cleaned, naming, unreachable

WHO = "Azure OpenAI"
CHECK = "tunegate targets check azure-openai says what is missing."
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@contextmanager
def talking(doing: str, *, quotes: bool = False) -> Iterator[None]:
    """Name what goes wrong in the block; with `quotes` the service's words may hold rows, and are left out.

    Raises:
        TuneGateError: `missing_extra`, `target_unreachable`, `target_refused`, `remote_gone`.
    """

    def known(error: Exception, what: str) -> TuneGateError | None:
        return _known(error, what, quotes=quotes)

    with naming(doing, known, extra="azure", target="azure-openai"):
        yield


def _known(error: Exception, doing: str, *, quotes: bool) -> TuneGateError | None:
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )
    from httpx2 import TransportError
    from openai import APIConnectionError, APIStatusError, OpenAIError

    for one in causes(error):
        if isinstance(one, APIStatusError):
            return _answered(int(one.status_code), _said(one.body, quotes=quotes), doing)
        # the credential's errors lie below the client's own
        if isinstance(one, ServiceRequestError | ServiceResponseError):
            return unreachable(doing, type(one).__name__, who="the identity platform")
        if isinstance(one, ClientAuthenticationError):
            remedy = "az login, or AZURE_TENANT_ID, AZURE_CLIENT_ID and its secret, or AZURE_OPENAI_API_KEY."
            return TuneGateError("target_refused", f"{doing}: no valid credential.", remedy=remedy)
        if isinstance(one, HttpResponseError) and one.status_code is not None:
            return _answered(int(one.status_code), "", doing)
    if isinstance(error, JSONDecodeError):
        return unreachable(doing, "an answer that is no JSON", who=WHO)
    if isinstance(error, APIConnectionError | TransportError | ConnectionError | TimeoutError):
        return unreachable(doing, type(error).__name__, who=WHO)
    if isinstance(error, OpenAIError | AzureError):
        return TuneGateError("target_refused", f"{doing}: {type(error).__name__}.", remedy=CHECK)
    return None


def _answered(status: int, said: str, doing: str) -> TuneGateError:
    if status == 404:
        return TuneGateError("remote_gone", f"{doing}: Azure knows no such thing.", remedy=CHECK)
    if status in PASSING or status >= 500:
        return unreachable(doing, f"status {status}", who=WHO)
    if status == 401:
        remedy = "Renew the key, or sign in again: az login. " + CHECK
        return TuneGateError("target_refused", f"{doing}: the credential is not accepted.", remedy=remedy)
    if status == 403:
        remedy = "Give the identity the role Foundry User (Cognitive Services OpenAI Contributor), or open the network."
        return TuneGateError("target_refused", f"{doing}: not allowed{said}.", remedy=remedy)
    return TuneGateError("target_refused", f"{doing}: status {status}{said}.", remedy=CHECK)


def _said(body: object, *, quotes: bool) -> str:
    """The service's code, and its words where they can hold no row."""
    content = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(content, dict):
        return ""
    code, message = content.get("code"), content.get("message")
    shown = [code] if isinstance(code, str) and _CODE.fullmatch(code) else []
    if isinstance(message, str) and not quotes:
        shown.append(cleaned(message).rstrip("."))
    return f": {': '.join(shown)}" if shown else ""
