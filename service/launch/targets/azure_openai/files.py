"""The rows at the service: uploaded once, found again by name and size, streamed at constant memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_openai.account import Account
from service.launch.targets.azure_openai.talking import WHO
from service.launch.targets.talking import unreachable

PURPOSE = "fine-tune"
# an answer may come only after the service has read the file
_UPLOAD_SECONDS = 900.0
_LOOK_SECONDS, _PATIENCE_SECONDS = 1.0, 20.0
_READY, _BROKEN = {"processed"}, {"error", "failed", "deleted", "deleting"}


def file_of(account: Account, name: str, path: Path) -> str:
    """The id of an uploaded file that can be trained on.

    Raises:
        TuneGateError: `remote_waits` while the service still reads it, `target_refused` for one that it cannot read,
            and what the client raises.
    """
    # the whole size, so that a torn upload is no upload
    found = _uploaded(account, name, path.stat().st_size)
    if found is None:
        # whatever is left of a try that broke off is in nobody's way: its size differs
        # the service's words about rows may quote them
        doing = "uploading the rows"
        with path.open("rb") as handle:

            def send(client: Any) -> Any:
                # from its beginning, also when a new token sends it again
                handle.seek(0)
                # an open file is read in pieces; a path would be read whole
                return client.files.create(file=(name, handle), purpose=PURPOSE, timeout=_UPLOAD_SECONDS)

            sent = account.ask(doing, send, quotes=True)
        found = _known(sent, doing)
    return _processed(account, found)


def listed(account: Account, names: set[str]) -> set[str]:
    """The ids of all files of these names."""
    return {one.id for one in _all(account) if getattr(one, "filename", None) in names}


def _uploaded(account: Account, name: str, size: int) -> Any:
    for one in _all(account):
        whole = getattr(one, "filename", None) == name and getattr(one, "bytes", None) == size
        if whole and getattr(one, "status", None) not in _BROKEN:
            return one
    return None


def _all(account: Account) -> list[Any]:
    every = account.ask("looking for the rows", lambda client: list(client.files.list(purpose=PURPOSE)))
    return [one for one in every if isinstance(getattr(one, "id", None), str)]


def _processed(account: Account, file: Any) -> str:
    """Wait a little: a later try goes on with the same file."""
    begun = time.monotonic()
    while (status := getattr(file, "status", None)) not in _READY:
        if status in _BROKEN:
            remedy = "tunegate lint FILE --target azure-openai; its page in the Foundry portal says why in words."
            raise TuneGateError("target_refused", f"Azure cannot read the rows (file {file.id}).", remedy=remedy)
        if time.monotonic() - begun > _PATIENCE_SECONDS:
            said = f"Azure still reads the rows (file {file.id}, {str(status)[:40]})."
            raise TuneGateError("remote_waits", said, remedy="It is asked again.")
        time.sleep(_LOOK_SECONDS)
        file = _looked(account, str(file.id))
    return str(file.id)


def _looked(account: Account, identifier: str) -> Any:
    doing = "looking at the rows"
    return _known(account.ask(doing, lambda client: client.files.retrieve(identifier)), doing)


def _known(file: Any, doing: str) -> Any:
    if not isinstance(getattr(file, "id", None), str):
        raise unreachable(doing, "an answer that is no file's", who=WHO)
    return file
