"""The command group: verbs are loaded by name, so one verb's libraries never slow another's start."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Sequence

import click

from service import __version__
from service.cli.output import fail
from service.cli.project_config import ConfiguredCommand
from service.errors import TuneGateError

# verb -> module that defines `command`; a verb exists once it works
VERBS = {
    "advise": "service.cli.advise",
    "lint": "service.cli.lint",
    "convert": "service.cli.convert",
    "split": "service.cli.split",
    "redact": "service.cli.redact",
    "estimate": "service.cli.estimate",
    "plan": "service.cli.plan",
    "train": "service.cli.train",
    "export": "service.cli.export",
    "chat": "service.cli.chat",
    "evaluate": "service.cli.evaluate",
    "jobs": "service.cli.jobs",
    "targets": "service.cli.targets",
    "deploy": "service.cli.deploy",
    "undeploy": "service.cli.undeploy",
    "deployments": "service.cli.deployments",
    "rules": "service.cli.rules",
    "explain": "service.cli.explain",
    "serve": "service.cli.serve",
    "keys": "service.cli.keys",
    "mcp": "service.cli.mcp",
    "demo": "service.cli.demo",
}


class LazyVerbs(click.Group):
    """Imports a verb's module only when the verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        module = VERBS.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tunegate")
def cli() -> None:
    """Should we fine-tune, and how, where, with what? Then do it, and hand back verified ONNX."""


def run(argv: Sequence[str]) -> int:
    """Run one command line; every known problem becomes its text (or problem object) and exit code."""
    arguments = list(argv)
    try:
        code = cli.main(args=arguments, prog_name="tunegate", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as wrong:
        known = TuneGateError("usage", wrong.format_message(), remedy=_usage_remedy(wrong))
    except TuneGateError as error:
        known = error
    except (click.Abort, KeyboardInterrupt):
        known = TuneGateError("interrupted", "Stopped by the keyboard.")
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    else:
        return code if isinstance(code, int) else 0
    return fail(known, as_json=_format(arguments) == "json")


def _format(arguments: list[str]) -> str | None:
    """The format that was asked for: by the last --format, else by what the verb is configured with.

    Read by hand, because what failed may be the command line or the configuration itself.
    """
    given = [
        flag.removeprefix("--format=") if "=" in flag else value
        for flag, value in itertools.pairwise((*arguments, ""))
        if flag == "--format" or flag.startswith("--format=")
    ]
    if given:
        return given[-1]
    verb = next((one for one in arguments if one in VERBS), "")
    command = cli.get_command(click.Context(cli), verb)
    return command.configured_format() if isinstance(command, ConfiguredCommand) else None


def _usage_remedy(wrong: click.ClickException) -> str:
    context = getattr(wrong, "ctx", None)
    return f"See: {context.command_path} --help" if context is not None else "See: tunegate --help"
