"""Preference rows for the tests: the preferred answer says where the animal is, the other one avoids it."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def turn(role: str, content: str, **more: Any) -> Message:
    return {"role": role, "content": content, **more}


def preference(n: int, preferred: str | None = None, other: str | None = None) -> dict[str, Any]:
    return {
        "input": {"messages": [turn("system", "Be brief."), turn("user", f"What about the quokka {n}?")]},
        "preferred_output": [turn("assistant", preferred or f"The quokka {n} is here.")],
        "non_preferred_output": [turn("assistant", other or f"What about {n}? Be quokka.")],
    }
