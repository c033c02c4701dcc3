"""Renders a chat template in a process of its own, which it first limits; run as a file, never imported.

stdin: {"template", "variables", "conversations": [[message, ...], ...]}; stdout: {"rendered": [text or null, ...]},
null where the template refused, or {"problem": why} where it cannot be used at all.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from typing import Any

# a template of a well-known model needs about 30 ms of CPU and 60 MB, with Python and jinja2 (2026-11-21)
_CPU_SECONDS = 3
_MEMORY_BYTES = 512 * 2**20
_OUTPUT_BYTES = 32 * 2**20
_MOST_CHARACTERS = 100_000
# a template that writes today's date would give another token count every few days
_TODAY = dt.datetime(2024, 7, 26, tzinfo=dt.UTC)


def limit() -> None:
    """CPU time, memory and output of this process, where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the limit
        return
    limits = {
        resource.RLIMIT_CPU: _CPU_SECONDS,
        resource.RLIMIT_AS: _MEMORY_BYTES,
        resource.RLIMIT_FSIZE: _OUTPUT_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for which, most in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (most, most))


def environment() -> Any:
    """jinja2's sandbox with the tags, filters and functions that transformers gives to chat templates."""
    from jinja2 import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The {% generation %} block, which marks trained text and renders as its body."""

        tags = {"generation"}  # noqa: RUF012 - jinja2's own form

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(
        value: Any, ensure_ascii: bool = False, indent: int | None = None,  # noqa: FBT001, FBT002 - a filter's arguments
        separators: tuple[str, str] | None = None, sort_keys: bool = False,  # noqa: FBT001, FBT002
    ) -> str:  # fmt: skip
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = _TODAY.strftime
    return made


def rendered(template: Any, variables: dict[str, Any], messages: list[dict[str, Any]]) -> str | None:
    """The text of one conversation, or None where the template raises (as it then would for a trainer)."""
    pieces, size = [], 0
    try:
        for piece in template.generate(
            **variables, messages=messages, tools=None, documents=None, add_generation_prompt=False
        ):
            pieces.append(piece)
            size += len(piece)
            if size > _MOST_CHARACTERS:
                return None
    except Exception:  # noqa: BLE001 - a template's own code may raise anything
        return None
    return "".join(pieces)


def main() -> int:
    """Answer the one request on stdin."""
    limit()
    request = json.load(sys.stdin)
    try:
        template = environment().from_string(request["template"])
    except Exception as error:  # noqa: BLE001 - syntax errors, recursion, memory
        json.dump({"problem": f"it does not compile ({type(error).__name__})"}, sys.stdout)
        return 0
    texts = [rendered(template, request["variables"], messages) for messages in request["conversations"]]
    json.dump({"rendered": texts}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
