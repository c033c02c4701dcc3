"""The style predicate of the example: does an answer keep the desk's house style?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PATTERN = tomllib.loads((Path(__file__).parent / "style.toml").read_text())["pattern"]


def follows_house_style(answer: str) -> bool:
    """Whether the whole answer matches: greeting, one sentence, two numbered steps, desk reference."""
    return re.fullmatch(PATTERN, answer.strip(), re.DOTALL) is not None


def house_style(*, sentence: str, steps: list[str], code: str) -> str:
    """An answer in house style."""
    numbered = "\n".join(f"{number}. {step}." for number, step in enumerate(steps, 1))
    return f"Fernhill Library desk.\nAnswer: {sentence}.\nNext steps:\n{numbered}\nRef: FL-{code}"
