"""What a chat template accepts, found by rendering short conversations with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import msgspec

from service.lint.check import Refusal
from service.lint.templates.reading import ChatTemplate, read_template
from service.lint.templates.rendering import Message, UnusableTemplate, render

# what is said in probes, by role and in order
_SAID = {
    "s": ("Answer in one sentence", "Be brief."),
    "u": ("Where is the map room?", "And the desk", "Who runs it?"),
    "a": ("Second floor, past the reading desks.", "Beside the door", "A librarian does."),
    "t": ("Open from nine",),
    # other words, which begin and end otherwise
    "S": ("use plain words:\n- no lists",),
    "U": ("when does it open", "3 copies, please!", "Caf\u00e9?"),
    "A": ('"nine" (weekdays)', "it's at desk 2", "\u4e8c\u697c"),
}
_ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
# conversations by the first letters of their roles, capitals for the other words; tokens/local.py measures the frame
# on the same ones
PROBES = (
    "u", "ua", "uau", "uaua", "sua", "uata", "uua", "uaa", "suua", "suaa", "au", "aua", "uasua", "ssua",
    "UAUAUA", "SUAUA",
)  # fmt: skip


class Behaviour(msgspec.Struct, frozen=True):
    """What a template accepts; all None where it cannot be asked, with the `problem`.

    A system message that it leaves out is one that it does not take: a late one stands after an exchange, of several
    at the start each must be there.
    """

    must_alternate: bool | None = None
    may_start_with_assistant: bool | None = None
    supports_system: bool | None = None
    takes_late_system: bool | None = None
    takes_several_systems: bool | None = None
    problem: str | None = None


def refusals(folder: Path) -> frozenset[Refusal] | None:
    """What the folder's template refuses or leaves out; None without a usable template."""
    found = behaviour(folder)
    if found is None or found.problem is not None:
        return None
    takes: dict[Refusal, bool | None] = {
        "turns": not found.must_alternate,
        "assistant-first": found.may_start_with_assistant,
        "late-system": found.takes_late_system,
        "several-systems": found.takes_several_systems,
    }
    return frozenset(what for what, taken in takes.items() if not taken)


def behaviour(folder: Path) -> Behaviour | None:
    """What the folder's template accepts, None where it has none."""
    template = read_template(folder)
    return None if template is None else behaviour_of(template)


@lru_cache(maxsize=32)
def behaviour_of(template: ChatTemplate) -> Behaviour:
    """What a template accepts; each template is asked once per process."""
    try:
        texts = probed(template)
    except UnusableTemplate as error:
        return Behaviour(problem=str(error))
    if not _shows(texts, "ua", "u", "a"):
        return Behaviour(problem="it refuses or drops a plain question and answer")
    return Behaviour(
        must_alternate=texts["uua"] is None or texts["uaa"] is None,
        may_start_with_assistant=texts["aua"] is not None,
        supports_system=_shows(texts, "sua", "s"),
        takes_late_system=_shows(texts, "uasua", "s"),
        takes_several_systems=_shows(texts, "ssua", "s", "ss"),
    )


@lru_cache(maxsize=32)
def probed(template: ChatTemplate) -> Mapping[str, str | None]:
    """The rendering of each probe, None where it was refused.

    Raises:
        UnusableTemplate: it cannot be rendered at all.

    """
    return MappingProxyType(dict(zip(PROBES, render(template, [conversation(probe) for probe in PROBES]), strict=True)))


def conversation(probe: str) -> list[Message]:
    """The messages of a probe: "sua" is system, user, assistant."""
    return [
        {"role": role, "content": _said(letter, probe[:position].count(letter))}
        for position, (letter, role) in enumerate(zip(probe, roles(probe), strict=True))
    ]


def roles(probe: str) -> list[str]:
    """The roles of a probe."""
    return [_ROLES[letter.lower()] for letter in probe]


def _said(letter: str, turn: int) -> str:
    return _SAID[letter][turn % len(_SAID[letter])]


def _shows(texts: Mapping[str, str | None], probe: str, *letters: str) -> bool:
    """Whether the first message of each letter is there, the second one of a letter that is doubled."""
    text = texts[probe]
    return text is not None and all(_said(letter[0], len(letter) - 1) in text for letter in letters)
