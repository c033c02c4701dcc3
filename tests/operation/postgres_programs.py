"""Where the programs of a Postgres server are, if they are."""

from __future__ import annotations

from pathlib import Path

_KEPT = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
PROGRAMS = _KEPT[-1].parent if _KEPT else Path()
FOUND = bool(_KEPT)
