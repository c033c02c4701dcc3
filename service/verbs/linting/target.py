"""The target of a lint run as a person names it: a shipped target, or a profile file of their own."""

from __future__ import annotations

from pathlib import Path

from service.data import RuleFiles
from service.lint.own_profile import with_own_profile

_ENDING = ".toml"


def target_and_rules(target: str, rules: RuleFiles) -> tuple[str, RuleFiles]:
    """The target's id, and the rules it is among; a name that ends in .toml is a file. For the command line only:
    a service never reads a path that a request names.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with all mistakes of the file.
    """
    return with_own_profile(Path(target), rules) if target.endswith(_ENDING) else (target, rules)
