"""Finds the data folders (rules, schemas, openapi, examples) in a checkout or an installed wheel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from service.errors import TuneGateError


def folder(name: str) -> Path:
    """One shipped data folder; no other module builds data paths."""
    # importlib.resources says the same and takes 5 ms to import
    installed = Path(__file__).resolve().parent / "_data" / name
    if installed.is_dir():
        return installed
    checkout = Path(__file__).resolve().parent.parent / name
    if checkout.is_dir():
        return checkout
    raise TuneGateError(
        "environment",
        f"The data folder {name!r} is missing from this installation.",
        remedy="Reinstall tunegate.",
    )


class RuleFiles:
    """The rule files by relative name ("profiles/openai.toml"), an own folder laid over the shipped one."""

    def __init__(self, contents: dict[str, bytes], shipped: frozenset[str] | None = None) -> None:
        self._contents = contents
        self.shipped = shipped if shipped is not None else frozenset(contents)

    def overlaid(self, own: Mapping[str, bytes]) -> RuleFiles:
        """The same files, each of `own` replacing the file of its name."""
        return RuleFiles({**self._contents, **own}, self.shipped)

    def names(self, under: str = "") -> list[str]:
        """All file names below a folder prefix, sorted."""
        return sorted(name for name in self._contents if name.startswith(under))

    def read(self, name: str) -> bytes:
        """The bytes of one file without a byte-order mark (tomllib refuses one)."""
        try:
            return self._contents[name].removeprefix(b"\xef\xbb\xbf")
        except KeyError:
            raise TuneGateError(
                "invalid_rules",
                f"{name}: no such rule file.",
                remedy=f"Rule files are: {', '.join(self.names())}.",
            ) from None

    @cached_property
    def revision(self) -> str:
        """sha256 over names and contents in sorted order: installed copies have no git state."""
        digest = hashlib.sha256()
        for name in self.names():
            digest.update(f"{name}\0{len(self._contents[name])}\0".encode())
            digest.update(self._contents[name])
        return digest.hexdigest()


def rule_files(own: Path | None = None) -> RuleFiles:
    """The shipped rules, with each file of the folder `own` replacing the shipped file of the same name."""
    shipped = RuleFiles(_tree(folder("rules")))
    if own is None:
        return shipped
    if not own.is_dir():
        raise TuneGateError(
            "unreadable_path",
            f"TUNEGATE_RULES: {own} is not a folder.",
            remedy="Point TUNEGATE_RULES at a folder of TOML files, or unset it.",
        )
    return shipped.overlaid(_tree(own))


def _tree(root: Path, prefix: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in root.iterdir():
        if entry.is_dir():
            found |= _tree(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".toml"):
            found[f"{prefix}{entry.name}"] = entry.read_bytes()
    return found
