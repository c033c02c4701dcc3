"""Preference rows for the tests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from trainers.contract import DatasetRef

Message = dict[str, Any]


def turn(role: str, content: str, **more: Any) -> Message:
    return {"role": role, "content": content, **more}


def preference(n: int, preferred: str | None = None, other: str | None = None) -> dict[str, Any]:
    """In OpenAI's form; the preferred answer says where the animal is."""
    return {
        "input": {"messages": [turn("system", "Be brief."), turn("user", f"What about the quokka {n}?")]},
        "preferred_output": [turn("assistant", preferred or f"The quokka {n} is here.")],
        "non_preferred_output": [turn("assistant", other or f"What about {n}? Be quokka.")],
    }


def write_rows(path: Path, rows: list[Any]) -> DatasetRef:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DatasetRef(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
