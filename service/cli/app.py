"""The command group: verbs are loaded by name, so one verb's libraries never slow another's start."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Sequence

import click

from service import __version__
from service.cli.output import fail
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
    "jobs": "service.cli.jobs",
    "rules": "service.cli.rules",
    "explain": "service.cli.explain",
    "serve": "service.cli.serve",
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
    as_json = _wants_json(arguments)
    try:
        code = cli.main(args=arguments, prog_name="tunegate", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as wrong:
        return fail(TuneGateError("usage", wrong.format_message(), remedy=_usage_remedy(wrong)), as_json=as_json)
    except TuneGateError as error:
        return fail(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return fail(TuneGateError("interrupted", "Stopped by the keyboard."), as_json=as_json)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return code if isinstance(code, int) else 0


def _wants_json(arguments: list[str]) -> bool:
    return "--format=json" in arguments or any(
        flag == "--format" and value == "json" for flag, value in itertools.pairwise(arguments)
    )


def _usage_remedy(wrong: click.ClickException) -> str:
    context = getattr(wrong, "ctx", None)
    return f"See: {context.command_path} --help" if context is not None else "See: tunegate --help"
