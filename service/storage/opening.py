"""Opens a store by its address; credentials and endpoints come from the variables of the store's own SDK alone."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from service.errors import ErrorItem, TuneGateError
from service.storage_settings import Address

# the variables by which obstore is sent elsewhere than to the cloud's own hosts
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURITE_BLOB_STORAGE_URL"),
}
_CONNECT_SECONDS, _REQUEST_SECONDS = 5, 60
# a request of ours waits for it, and a durable job tries again by itself
_RETRIES, _RETRY_SECONDS = 3, 20
_ASK_SECONDS = 3


def opened(address: Address, *, patient: bool = True, env: Mapping[str, str] | None = None) -> Any:
    """An obstore store; `patient` tries again when a request fails, else it gives up within seconds.

    Raises:
        TuneGateError: `usage` for an endpoint without TLS beyond this machine; `environment` where it cannot be opened.
    """
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    local = require_safe_endpoints(address, os.environ if env is None else env)
    seconds = _REQUEST_SECONDS if patient else _ASK_SECONDS
    options: dict[str, Any] = {
        "client_options": {
            "allow_http": local,
            "connect_timeout": timedelta(seconds=min(seconds, _CONNECT_SECONDS)),
            "timeout": timedelta(seconds=seconds),
        },
        "retry_config": {
            "max_retries": _RETRIES if patient else 0,
            "retry_timeout": timedelta(seconds=_RETRY_SECONDS if patient else _ASK_SECONDS),
            "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=3), "base": 2},
        },
    }
    if address.scheme == "s3" and local:
        # emulators have no host per bucket
        options["virtual_hosted_style_request"] = False
    try:
        return from_url(address.url, **options)
    except (BaseError, ValueError) as error:
        raise TuneGateError(
            "environment",
            f"The store {address.url} cannot be opened.",
            remedy="Name account, region and credentials by the variables of its own SDK (AZURE_STORAGE_*, AWS_*).",
        ) from error


def require_safe_endpoints(address: Address, env: Mapping[str, str]) -> bool:
    """Whether the store is one of this machine, reached without TLS.

    Raises:
        TuneGateError: `usage` for any other endpoint without TLS.
    """
    names = _ENDPOINTS["s3" if address.scheme == "s3" else "az"]
    plain = [name for name in names if (env.get(name) or "").lower().startswith("http://")]
    wrong = [name for name in plain if not _loopback(env[name])]
    if wrong:
        raise TuneGateError(
            "usage",
            "An endpoint of the object storage is not reached by TLS.",
            errors=[ErrorItem(name, "http://", "https://, or http on a loopback address") for name in wrong],
        )
    return bool(plain)


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
