"""The terminal skin: the same verbs, text and progress for people, JSON for machines."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with the contract's code."""
    from service.cli.app import run

    sys.exit(run(sys.argv[1:]))
