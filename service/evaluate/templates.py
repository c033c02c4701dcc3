"""Prompts with places in double braces: {{input}}, {{passages}}, and the earlier nodes of a flow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from service.errors import suggestion
from service.evaluate.given import Given

# what is there before any node has answered
NODE_NAMES = ("input", "passages")
_PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def placeholders(template: str) -> list[str]:
    """The names in a template, in their order."""
    return _PLACE.findall(template)


def check_template(given: Given, key: str, template: str, names: Sequence[str], asked: Sequence[str] = ()) -> None:
    """Note places of other names than `names`, and those of `asked` that are missing."""
    seen = placeholders(template)
    for name in seen:
        if name not in names:
            hint = suggestion(name, names)
            allowed = ", ".join(f"{{{{{one}}}}}" for one in names)
            given.wrong(key, "a place of another name", allowed, hint or None)
    for name in asked:
        if name not in seen:
            given.wrong(key, f"no {{{{{name}}}}}", f"a template with {{{{{name}}}}}")


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with every place filled; what is filled in is not read as a template again."""
    return _PLACE.sub(lambda found: values[found[1]], template)
