"""What goes wrong in a store, as our own errors; its own words may hold signatures, so none of them is passed on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import TuneGateError

CREDENTIALS = "Look at the variables of the store's own SDK (AZURE_*, AWS_*) and at what the account may do."


@contextmanager
def told(place: str) -> Iterator[None]:
    """`place` names the store in the message, as `the storage`.

    Raises:
        TuneGateError: `storage_missing`, `storage_refused`, `storage_unreachable`.
    """
    from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise missing(place) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise TuneGateError(
            "storage_refused", f"{place} does not accept our credentials, or they may not do this.", remedy=CREDENTIALS
        ) from error
    except BaseError as error:
        raise unreachable(place) from error


def missing(place: str) -> TuneGateError:
    """The error for what a record names and the store does not have."""
    return TuneGateError(
        "storage_missing", f"What a record names is not in {place}.", remedy="Restore it from a backup, or remove it."
    )


def unreachable(place: str) -> TuneGateError:
    """The error for a store that gives no usable answer."""
    return TuneGateError(
        "storage_unreachable",
        f"{place} does not answer as a store of objects does.",
        remedy="Try again; /health/ready of the service says whether its storage answers. Then look at the network, "
        "at the endpoint variables and at the name of the container or bucket.",
    )


def changed(place: str) -> TuneGateError:
    """The error for bytes that are not those which were kept."""
    return TuneGateError(
        "storage_corrupt",
        f"What lies in {place} is not what was kept there (sha256 differs).",
        remedy="It was changed behind the service's back: restore it from a backup, or remove it and make it anew.",
    )
