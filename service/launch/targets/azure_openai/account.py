"""The openai client of one resource: made at the first call, shared by all jobs, silent while it is told to wait."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from service.errors import TuneGateError
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings
from service.launch.targets.azure_openai.talking import WHO, talking
from service.launch.targets.talking import causes, unreachable

T = TypeVar("T")
KEY = "AZURE_OPENAI_API_KEY"
_SECONDS, _CONNECT_SECONDS = 60.0, 10.0
_LONGEST_WAIT_SECONDS = 600.0
_LONGEST_KEY = 4096
# what the SDK tells of this machine and takes from the environment, and Azure has no use for
_UNSAID = (
    "X-Stainless-Arch", "X-Stainless-OS", "X-Stainless-Lang", "X-Stainless-Runtime", "X-Stainless-Runtime-Version",
    "X-Stainless-Package-Version", "X-Stainless-Async", "OpenAI-Organization", "OpenAI-Project",
)  # fmt: skip


class Account:
    """One endpoint with one credential; safe for several threads."""

    def __init__(self, where: AzureOpenAiSettings) -> None:
        self.where = where
        self._made: Any = None
        self._making = threading.Lock()
        self._silent_until = 0.0

    @contextmanager
    def talk(self, doing: str, *, quotes: bool = False) -> Iterator[Any]:
        """The client, for one call; while Azure asked for silence nothing is sent.

        Raises:
            TuneGateError: as `talking`.
        """
        if (left := self._silent_until - time.monotonic()) > 0:
            raise unreachable(doing, f"it asked to wait, {left:.0f} s more", who=WHO)
        with talking(doing, quotes=quotes):
            client = self._client()
            try:
                yield client
            except Exception as error:
                self._heed(error)
                raise

    def ask(self, doing: str, call: Callable[[Any], T], *, quotes: bool = False) -> T:
        """One call; a token that was not accepted is made anew once, a key is not.

        Raises:
            TuneGateError: as `talking`.
        """
        try:
            with self.talk(doing, quotes=quotes) as client:
                return call(client)
        except TuneGateError as error:
            if self.by_key or not any(getattr(one, "status_code", None) == 401 for one in causes(error)):
                raise
        with self.talk(doing, quotes=quotes) as client:
            return call(client)

    @property
    def by_key(self) -> bool:
        """Whether a key is given, in the environment or by file."""
        return bool(self.where.key_file or os.environ.get(KEY))

    def credential(self) -> Any:
        """A key, or what gives a token whenever one is needed.

        Raises:
            TuneGateError: `target_refused` for a file that is no key's, or where nothing says what a token is for.
        """
        if self.where.key_file:
            return _key_of(Path(self.where.key_file))
        if key := os.environ.get(KEY):
            return key
        if not self.where.scope:
            remedy = f"Set token_scope, or give a key: {KEY}."
            raise TuneGateError("target_refused", f"{self.where.host}: no token scope is known for it.", remedy=remedy)
        from azure.identity import DefaultAzureCredential, get_bearer_token_provider

        return get_bearer_token_provider(DefaultAzureCredential(), self.where.scope)

    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._new()
            return self._made

    def _new(self) -> Any:
        import httpx2
        from openai import DefaultHttpxClient, Omit, OpenAI

        # INFO lines of theirs hold addresses, and OPENAI_LOG=debug would log what is sent
        for name in ("openai", "httpx2", "httpcore2", "azure"):
            logging.getLogger(name).setLevel(logging.WARNING)
        return OpenAI(
            api_key=self.credential(),
            base_url=self.where.base_url,
            # no idempotency key is sent: a repeated create would be a second paid job, so all is repeated by us
            max_retries=0,
            timeout=httpx2.Timeout(_SECONDS, connect=_CONNECT_SECONDS),
            # rows follow no redirect
            http_client=DefaultHttpxClient(follow_redirects=False),
            default_headers={name: Omit() for name in _UNSAID},  # type: ignore[misc]
        )

    def _heed(self, error: Exception) -> None:
        """Wait as long as Azure says; begin anew with the credential when it was not accepted."""
        from openai import APIStatusError

        for one in causes(error):
            if not isinstance(one, APIStatusError):
                continue
            if one.status_code == 401:
                with self._making:
                    self._made = None
            seconds = _seconds(one.response.headers.get("retry-after"))
            self._silent_until = max(self._silent_until, time.monotonic() + seconds)


@lru_cache(maxsize=16)
def account_of(where: AzureOpenAiSettings) -> Account:
    """One client for all jobs of the same settings."""
    return Account(where)


def _seconds(value: str | None) -> float:
    try:
        return min(max(float(value or 0), 0.0), _LONGEST_WAIT_SECONDS)
    except ValueError:
        return 0.0


def _key_of(path: Path) -> str:
    try:
        status, text = path.stat(), path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        raise _no_key(path, "it cannot be read") from error
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise _no_key(path, "others can read it (chmod 600)")
    if not text or len(text) > _LONGEST_KEY or not text.isprintable() or " " in text:
        raise _no_key(path, "it does not hold a key alone")
    return text


def _no_key(path: Path, why: str) -> TuneGateError:
    return TuneGateError("target_refused", f"{path}: {why}.", remedy=f"Mend it, or give the key as {KEY}.")
