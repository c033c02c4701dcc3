"""What the Azure clients raise, in our words: what may pass, what will not, and what is gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from service.errors import TuneGateError, missing_extra

T = TypeVar("T")
_PASSING = {408, 429, 500, 502, 503, 504}
_SHOWN = 300
# signatures and keys that an error's text may quote
_SECRETS = re.compile(r"(?i)(sig|key|token|secret|password|authorization)(=|%3d|\"?\s*:\s*\"?)[^\s&\"']+")


@contextmanager
def talking(doing: str) -> Iterator[None]:
    """Name what goes wrong in the block.

    Raises:
        TuneGateError: `missing_extra`, `target_unreachable`, `target_refused`, `remote_gone`.
    """
    try:
        yield
    except ImportError as error:
        raise missing_extra("azure", "Target azure-ml", error) from error
    except TuneGateError:
        raise
    except Exception as error:
        if (known := _known(error, doing)) is None:
            raise
        raise known from error


def _known(error: Exception, doing: str) -> TuneGateError | None:
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

    for one in _causes(error):
        if isinstance(one, ResourceNotFoundError):
            return TuneGateError("remote_gone", f"{doing}: Azure knows no such thing.", remedy="Look in the studio.")
        if isinstance(one, ServiceRequestError | ServiceResponseError | IncompleteReadError | ConnectionError):
            return _unreachable(doing, type(one).__name__)
        if isinstance(one, ClientAuthenticationError):
            remedy = "az login, or AZURE_TENANT_ID, AZURE_CLIENT_ID and its secret; tunegate targets check azure-ml."
            return TuneGateError("target_refused", f"{doing}: no valid credential.", remedy=remedy)
        if isinstance(one, HttpResponseError):
            if one.status_code in _PASSING or one.status_code is None:
                return _unreachable(doing, f"status {one.status_code}")
            said = f"{doing}: status {one.status_code}: {cleaned(str(one.message))}"
            return TuneGateError("target_refused", said, remedy="tunegate targets check azure-ml says what is missing.")
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


def cleaned(text: str) -> str:
    """One line of an error's text, without what may be a secret."""
    line = " ".join(text.split())
    return _SECRETS.sub(r"\1\2***", line)[:_SHOWN]


def _unreachable(doing: str, why: str) -> TuneGateError:
    return TuneGateError("target_unreachable", f"{doing}: Azure does not answer ({why}).", remedy="It is asked again.")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, or while handling."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
