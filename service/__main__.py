"""`python -m service`: the same command line as `tunegate`."""

from __future__ import annotations

from service.cli import main

main()
