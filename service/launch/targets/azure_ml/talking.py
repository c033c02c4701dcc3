"""What the Azure clients raise, in our words: what may pass, what will not, and what is gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from service.errors import TuneGateError
from service.launch.targets.talking import PASSING, causes, cleaned, naming, unreachable

T = TypeVar("T")
_WHO = "Azure"


def talking(doing: str, *, target: str = "azure-ml") -> AbstractContextManager[None]:
    """Name what goes wrong in the block, by the target that is asked.

    Raises:
        TuneGateError: `missing_extra`, `target_unreachable`, `target_refused`, `remote_gone`.
    """

    def known(error: Exception, what: str) -> TuneGateError | None:
        return _known(error, what, check=f"tunegate targets check {target}")

    return naming(doing, known, extra="azure", target=target)


def _known(error: Exception, doing: str, *, check: str) -> TuneGateError | None:
    from azure.ai.ml.exceptions import MlException
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        IncompleteReadError,
        ResourceNotFoundError,
        ServiceRequestError,
        ServiceResponseError,
    )
    from marshmallow import ValidationError

    for one in causes(error):
        if isinstance(one, ResourceNotFoundError):
            return TuneGateError("remote_gone", f"{doing}: Azure knows no such thing.", remedy="Look in the studio.")
        if isinstance(one, ServiceRequestError | ServiceResponseError | IncompleteReadError | ConnectionError):
            return unreachable(doing, type(one).__name__, who=_WHO)
        if isinstance(one, ClientAuthenticationError):
            remedy = f"az login, or AZURE_TENANT_ID, AZURE_CLIENT_ID and its secret; {check}."
            return TuneGateError("target_refused", f"{doing}: no valid credential.", remedy=remedy)
        if isinstance(one, HttpResponseError):
            if one.status_code in PASSING or one.status_code is None:
                return unreachable(doing, f"status {one.status_code}", who=_WHO)
            said = f"{doing}: status {one.status_code}: {cleaned(str(one.message))}"
            return TuneGateError("target_refused", said, remedy=f"{check} says what is missing.")
    if isinstance(error, AzureError | MlException | ValidationError):
        return TuneGateError("target_refused", f"{doing}: {cleaned(str(error))}", remedy="Mend it and launch again.")
    return None


def found(get: Callable[[], T]) -> T | None:
    """What is there, or None; whatever goes wrong afterwards is not taken for its absence."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return get()
    except ResourceNotFoundError:
        return None


def word(said: object) -> str:
    """A state as Azure writes it: the SDK's enumerations print as their own names."""
    return str(getattr(said, "value", said))
