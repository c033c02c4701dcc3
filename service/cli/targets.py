"""tunegate targets: where a plan can be launched, and whether a target is ready."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from service.cli.output import emit, output_options, pretty_json
from service.data import rule_files
from service.settings import load_settings

_SIGNS = {"ok": "ok     ", "failed": "FAILED ", "unknown": "unknown"}


@click.group("targets")
def command() -> None:
    """Launch targets: what each can do, and whether a configured one is ready."""


@command.command("list")
@output_options()
def list_(format_: str, output: Path | None, *, no_input: bool) -> int:
    """Every launch target with what comes back from it."""
    del no_input
    from service.verbs.targets import list_targets

    rows = list_targets(rule_files(load_settings().rules))
    shown = [
        f"{row.id:<17} {'' if row.built else 'not built yet: '}{row.title}; "
        f"{'ONNX comes' if row.onnx else 'an adapter comes' if row.weights else 'no weights come'} back"
        for row in rows
    ]
    emit(pretty_json({"items": msgspec.to_builtins(rows)}) if format_ == "json" else "\n".join(shown), output)
    return 0


@command.command("check")
@click.argument("target")
@output_options()
def check(target: str, format_: str, output: Path | None, *, no_input: bool) -> int:
    """Ask the target for credential, network, role, compute and storage; exit 1 when one of them is missing."""
    del no_input
    from service.verbs.targets import check_target

    settings = load_settings()
    found = check_target(target, rules=rule_files(settings.rules), settings=settings)
    lines = []
    for one in found.checks:
        lines.append(f"{_SIGNS[one.verdict]} {one.name}: {one.seen}")
        if one.remedy and one.verdict != "ok":
            lines.append(f"        {one.remedy}")
    emit(pretty_json(found) if format_ == "json" else "\n".join(lines), output)
    return 0 if found.ready else 1
