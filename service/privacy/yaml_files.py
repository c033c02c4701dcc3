"""Reads a YAML file that a user wrote and knows the line of everything in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.errors import ErrorItem, TuneGateError


class YamlFile:
    """A mapping, and where its values stand."""

    def __init__(self, path: Path) -> None:
        """Raises TuneGateError: `unreadable_path`, or `invalid_input` for what is no YAML mapping."""
        import yaml

        self.path = path
        try:
            text = path.read_bytes().decode("utf-8-sig")
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            value = yaml.safe_load(text)
        except OSError as error:
            raise TuneGateError(
                "unreadable_path", f"{path} cannot be read: {error.strerror or error}.", remedy="Check the path."
            ) from error
        except UnicodeDecodeError as error:
            raise self.error(f"byte {error.start} is not UTF-8", "UTF-8", "Save the file as UTF-8.") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise self.error(error.problem or "no YAML", "YAML", "Correct the line.", line=line) from error
        except yaml.YAMLError as error:
            raise self.error("no YAML", "YAML", "Correct the file.") from error
        if not isinstance(value, dict):
            raise self.error("no mapping", "a mapping of names to values", "See Presidio's configuration files.")
        self.value: dict[str, Any] = value

    def line(self, keys: Sequence[str | int]) -> int:
        """The line, from 1, of what keys and list places lead to; as near as there is something."""
        node = self._root
        for key in keys:
            children = node.value if isinstance(node.value, list) else []
            if isinstance(key, int):
                found = children[key] if key < len(children) else None
            else:
                found = next((value for name, value in _pairs(children) if name.value == key), None)
            if found is None:
                break
            node = found
        line: int = node.start_mark.line + 1
        return line

    def item(self, keys: Sequence[str | int], seen: str, allowed: str, remedy: str) -> ErrorItem:
        """One mistake, at the line of a value."""
        return ErrorItem(f"{self.path}:{self.line(keys)}", seen, allowed, remedy)

    def error(self, seen: str, allowed: str, remedy: str, *, line: int = 1) -> TuneGateError:
        """The error for a file that cannot be read as a whole."""
        return self.errors([ErrorItem(f"{self.path}:{line}", seen, allowed, remedy)])

    def errors(self, items: Sequence[ErrorItem]) -> TuneGateError:
        """The error for these mistakes."""
        return TuneGateError("invalid_input", f"{self.path} has {len(items)} mistake(s).", errors=items)


def _pairs(children: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [child for child in children if isinstance(child, tuple)]
