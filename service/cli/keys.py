"""tunegate keys: who may call the service of this machine; works on its database, so that the first key can be made."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from service.cli.output import emit, output_options, pretty_json
from service.errors import TuneGateError
from service.records.access import SCOPES, ApiKey, AuditEntry
from service.settings import load_settings
from service.verbs.keys import create_key, entries, key_store, revoke_key

_WRITES = ("read", "lint", "write", "launch")


@click.group("keys")
def command() -> None:
    """Make, list and take back API keys; show the audit log. With the first key, every call needs one."""


@command.command("create")
@click.argument("name")
@click.option("--project", default="default", show_default=True, metavar="P", help="All that the key ever sees.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), metavar="S",
    help=f"{', '.join(SCOPES)}; repeatable. Default: {', '.join(_WRITES)}.",
)  # fmt: skip
@click.option("--expires", default="365d", show_default=True, metavar="AGE", help="90d, 12h, or never.")
@click.option(
    "--requests-per-minute", type=click.IntRange(min=1), metavar="N", help="Instead of TUNEGATE_REQUESTS_PER_MINUTE."
)
@output_options()
def create(
    name: str, project: str, scopes: tuple[str, ...], expires: str, requests_per_minute: int | None, format_: str,
    output: Path | None, *, no_input: bool,
) -> int:  # fmt: skip
    """Make a key; its secret is shown this once and kept nowhere."""
    del no_input
    with key_store(load_settings()) as store:
        made = create_key(
            store, name, project=project, scopes=scopes or _WRITES, expires=expires,
            requests_per_minute=requests_per_minute,
        )  # fmt: skip
    shown = f"{made.secret}\n{_line(made.key)}\nThe secret is not shown again: set TUNEGATE_API_KEY to it."
    emit(pretty_json(made) if format_ == "json" else shown, output)
    return 0


@command.command("list")
@click.option("--project", default=None, metavar="P", help="Only this project's.")
@output_options()
def list_(project: str | None, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Every key, revoked and expired ones too; never a secret."""
    del no_input
    with key_store(load_settings()) as store:
        found = (store if project is None else store.of(project)).keys.list()
    shown = "\n".join(map(_line, found)) or "no keys: calls of this machine are open to everyone on it"
    emit(pretty_json({"items": found, "next": None}) if format_ == "json" else shown, output)
    return 0


@command.command("revoke")
@click.argument("key")
@output_options()
def revoke(key: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Take a key back by its id; it is refused from the next request on."""
    del no_input
    if key.startswith("tunegate_"):
        raise TuneGateError("usage", "KEY is the id of the key, not its secret.", remedy="tunegate keys list")
    with key_store(load_settings()) as store:
        found = revoke_key(store, key)
    emit(pretty_json(found) if format_ == "json" else _line(found), output)
    return 0


@command.command("audit")
@click.option("--project", default=None, metavar="P", help="Only this project's.")
@output_options()
def audit(project: str | None, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Who launched, overrode, cancelled, removed, made and revoked; in order."""
    del no_input
    with key_store(load_settings()) as store:
        found = list(entries(store if project is None else store.of(project)))
    shown = "\n".join(map(_entry, found)) or "nothing yet"
    emit(pretty_json({"items": found, "next": None}) if format_ == "json" else shown, output)
    return 0


def _line(key: ApiKey) -> str:
    state = f"revoked {key.revoked_at}" if key.revoked_at else f"expires {key.expires_at or 'never'}"
    used = f"last used {key.last_used_at[:13]}h" if key.last_used_at else "never used"
    return f"{key.id}  {key.project}  {','.join(key.scopes)}  {state}  {used}  {key.name}"


def _entry(entry: AuditEntry) -> str:
    detail = msgspec.json.encode(entry.detail).decode() if entry.detail else ""
    return f"{entry.n}  {entry.at}  {entry.project}  {entry.actor}  {entry.action}  {entry.subject}  {detail}".rstrip()
