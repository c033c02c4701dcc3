"""A verb's options from tunegate.toml or pyproject.toml, found upward from the working directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion

if TYPE_CHECKING:
    from service.verbs.redacting.settings import PrivacyTable

# the option that may also be a table of settings, in which `mode` is its value and `languages` that of another option
_PRIVACY = "privacy"
OWN_FILE, SHARED_FILE = "tunegate.toml", "pyproject.toml"
ENVIRONMENT_PREFIX = "TUNEGATE"
# what one run does or where its answer goes is said on the command line
_NOT_CONFIGURED = {"help", "no-input", "output", "also", "out", "fix", "unsafe-fixes"}


class ConfiguredCommand(click.Command):
    """A verb whose options may stand in a project's files: option, then TUNEGATE_*, tunegate.toml, pyproject.toml.

    A key is the option's name (`max-findings`), at the top of tunegate.toml or in [tool.tunegate] of pyproject.toml.
    Lists may be given for options that take several. A relative path is relative to the file that names it. `privacy`
    may also be a table: see `privacy_tables`.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Let click fall back on the environment and the files; --help works whatever they hold."""
        if not {"-h", "--help"} & set(args):
            extra.setdefault("default_map", configured(self, _working_folder(), os.environ))
        return super().make_context(info_name, args, parent, **extra)

    def configured_format(self) -> str | None:
        """What the environment and the files say of --format, as far as they can be read: for telling of a failure."""
        said: str | None = os.environ.get(f"{ENVIRONMENT_PREFIX}_FORMAT")
        folder = _working_folder()
        folders = (folder, *folder.parents) if folder else ()
        for find in (_own_table, _shared_table) if folders else ():
            with suppress(TuneGateError):
                said = said or find(folders)[1].get("format")
        return said or None


def configured(command: click.Command, folder: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """Parameter name -> value for the options that the environment and the files found from `folder` upward set.

    `folder` is None when the working directory is gone: then there are no files.

    Raises:
        TuneGateError: `invalid_input` naming every unknown key and wrong value; `unreadable_path`.
    """
    options = _configurable(command)
    found: dict[str, Any] = {}
    errors: list[ErrorItem] = []
    for setting in (*(_from_files(folder) if folder else ()), *_from_environment(options, environment)):
        try:
            option = _option(setting.key, options)
            found[str(option.name)] = _value(option, setting)
        except _WrongError as wrong:
            errors.append(ErrorItem(setting.where, wrong.seen, wrong.allowed, wrong.remedy))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} wrong setting(s) in the configuration.", errors=errors)
    return found


def _working_folder() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def privacy_tables() -> list[PrivacyTable]:
    """[tool.tunegate.privacy] of pyproject.toml, then [privacy] of tunegate.toml, where there are any."""
    # read by the commands that scan; the others start without what a scan needs
    from service.verbs.redacting.settings import PrivacyTable

    folder = _working_folder()
    return [
        PrivacyTable(f"{_shown(path)}: {_PRIVACY}", path.parent, table[_PRIVACY])
        for path, table in (_tables(folder) if folder else ())
        if isinstance(table.get(_PRIVACY), dict)
    ]


class _Setting(msgspec.Struct, frozen=True):
    """One value and where it stands; `folder` is that of its file, None for a variable, whose value is text."""

    where: str
    key: str
    value: Any
    folder: Path | None = None


class _WrongError(Exception):
    """What is wrong with one key."""

    def __init__(self, *, seen: str | None = None, allowed: str | None = None, remedy: str | None = None) -> None:
        super().__init__(seen)
        self.seen, self.allowed, self.remedy = seen, allowed, remedy


def _from_environment(options: dict[str, click.Option], environment: Mapping[str, str]) -> Iterator[_Setting]:
    """Variables that are set and not empty."""
    for key in options:
        name = f"{ENVIRONMENT_PREFIX}_{key.replace('-', '_').upper()}"
        if environment.get(name):
            yield _Setting(name, key, environment[name])


def _from_files(folder: Path) -> Iterator[_Setting]:
    for path, table in _tables(folder):
        yield from (
            _Setting(f"{_shown(path)}: {key}", key, value, path.parent)
            for key, value in table.items()
            if key != _PRIVACY or not isinstance(value, dict)
        )


def _tables(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The nearest pyproject.toml with a table for us, then the nearest tunegate.toml, which wins; {} for none."""
    folders = (folder, *folder.parents)
    yield _shared_table(folders)
    yield _own_table(folders)


def _shared_table(folders: Sequence[Path]) -> tuple[Path, dict[str, Any]]:
    for path in (one / SHARED_FILE for one in folders):
        if path.is_file():
            # an unrelated project's file that no TOML reader takes is none of our business
            content = _read(path) if b"tunegate" in _bytes(path) else {}
            tool = content.get("tool", {})
            if isinstance(tool, dict) and "tunegate" in tool:
                return path, _table(path, tool["tunegate"])
    return folders[0] / SHARED_FILE, {}


def _own_table(folders: Sequence[Path]) -> tuple[Path, dict[str, Any]]:
    path = next((one / OWN_FILE for one in folders if (one / OWN_FILE).is_file()), None)
    return (folders[0] / OWN_FILE, {}) if path is None else (path, _read(path))


def _table(path: Path, content: object) -> dict[str, Any]:
    if isinstance(content, dict):
        return content
    raise TuneGateError("invalid_input", f"{_shown(path)}: tool.tunegate is no table.", remedy="Write [tool.tunegate].")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{_shown(path)}: {error.strerror}.") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = msgspec.toml.decode(_bytes(path))
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_input", f"{_shown(path)}: not TOML: {error}.") from error
    return content


def _configurable(command: click.Command) -> dict[str, click.Option]:
    """Key -> option; the keys are the long names without the dashes."""
    names = ((name.removeprefix("--"), option) for option in command.params for name in option.opts)
    return {key: option for key, option in names if isinstance(option, click.Option) and key not in _NOT_CONFIGURED}


def _option(key: str, options: dict[str, click.Option]) -> click.Option:
    if key in options:
        return options[key]
    hint = suggestion(key.replace("_", "-"), options)
    raise _WrongError(seen="an unknown key", allowed=", ".join(sorted(options)), remedy=hint or None)


def _value(option: click.Option, setting: _Setting) -> Any:
    """The value as click takes it, once its type is right and click's own check passes."""
    value, folder = setting.value, setting.folder
    if folder is not None:
        if isinstance(value, list) and all(isinstance(one, str) for one in value) and _takes_several(option):
            return tuple(value) if option.multiple else ",".join(value)
        if type(value) is not _type(option):
            raise _WrongError(seen=_seen(value), allowed=_allowed(option))
        if isinstance(option.type, click.Path) and value != "-":
            return _from_here(folder / str(value))
    try:
        option.type.convert(value, option, None)
    except click.BadParameter as error:
        raise _WrongError(seen=_seen(value), allowed=_allowed(option)) from error
    return (value,) if option.multiple else value


def _from_here(path: Path) -> str:
    try:
        return os.path.relpath(path)
    except ValueError:  # on another drive
        return str(path)


def _takes_several(option: click.Option) -> bool:
    return option.multiple or option.metavar == "IDS"


def _type(option: click.Option) -> type:
    if isinstance(option.type, click.types.IntParamType):
        return int
    if isinstance(option.type, click.types.FloatParamType):
        return float
    return bool if isinstance(option.type, click.types.BoolParamType) else str


def _allowed(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return ", ".join(map(str, option.type.choices))
    if isinstance(option.type, click.IntRange):
        low, high = option.type.min, option.type.max
        return f"a whole number from {low}" + (f" to {high}" if high is not None else "")
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}
    return words[_type(option)] + (", or a list of strings" if _takes_several(option) else "")


def _seen(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _shown(path: Path) -> str:
    """The path from the working directory where it is inside, else whole."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
