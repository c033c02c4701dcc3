"""Says the same in other words' clothes: changes of a prompt that leave its meaning, taken in a seeded order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from service.evaluate.prompts import question_of, with_question
from service.evaluate.variants import Example

_POLITE = ("Please help with this. ", "Hello! ", "Could you help me with this? ", "Thank you in advance. ")


def _first_letter(text: str) -> str:
    return text[:1].swapcase() + text[1:]


def _end(text: str) -> str:
    """Without the last mark, or with one more."""
    stripped = text.rstrip()
    return stripped[:-1] if stripped[-1:] in ".?!" and len(stripped) > 1 else f"{stripped}."


# name -> what it does to a question; a name says nothing of any text and stands in the record
CHANGES: dict[str, Callable[[str], str]] = {
    "first-letter": _first_letter,
    "end-mark": _end,
    "double-spaces": lambda text: text.replace(" ", "  "),
    "white-space-around": lambda text: f"\n{text.strip()}  \n",
    **{f"polite-{n}": (lambda text, words=words: words + text) for n, words in enumerate(_POLITE, 1)},  # type: ignore[misc]
}
EXAMPLES_ORDER = "examples-order"


def changes_for(messages: Sequence[dict[str, Any]], examples: Sequence[Example], count: int, *, seed: int) -> list[str]:
    """The first `count` changes in a seeded order, at most all; several examples can also change their order.

    A change that leaves this question and these examples as they are, or as another one makes them, is none: its
    answer would agree by itself.
    """
    names = [*CHANGES, *([EXAMPLES_ORDER] if len(examples) > 1 else [])]
    random.Random(seed).shuffle(names)  # noqa: S311 - an order that can be repeated
    found: list[str] = []
    seen = [(question_of(messages), list(examples))]
    for name in names:
        if len(found) == count:
            break
        asked, shown = changed(name, messages, examples, seed=seed)
        if (question_of(asked), shown) not in seen:
            seen.append((question_of(asked), shown))
            found.append(name)
    return found


def changed(
    name: str, messages: Sequence[dict[str, Any]], examples: Sequence[Example], *, seed: int
) -> tuple[list[dict[str, Any]], list[Example]]:
    """(messages, examples) after a change."""
    if name == EXAMPLES_ORDER:
        return list(messages), other_order(examples, seed=seed)
    return with_question(messages, CHANGES[name](question_of(messages))), list(examples)


def other_order(examples: Sequence[Example], *, seed: int) -> list[Example]:
    """The examples in a seeded order that is not the one they are in."""
    found = list(examples)
    turn = random.Random(seed).randrange(1, len(found))  # noqa: S311 - an order that can be repeated
    return found[turn:] + found[:turn]
