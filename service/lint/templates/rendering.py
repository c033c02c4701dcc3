"""Has a chat template rendered by a limited process: it is code of whoever made the model."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from service.lint.templates.reading import ChatTemplate

Message = dict[str, str]
_PROCESS = Path(__file__).with_name("rendering_process.py")
_SECONDS = 20
# what Python needs to start and find its packages; keys and tokens of the surroundings stay here
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "HOME", "USERPROFILE", "APPDATA", "SYSTEMROOT", "LANG", "LC_ALL")


class UnusableTemplate(Exception):  # noqa: N818 - it names a property of the template
    """The template cannot be rendered at all; its text says why."""


class _Answer(msgspec.Struct, frozen=True):
    rendered: list[str | None] = []
    problem: str | None = None


def render(template: ChatTemplate, conversations: Sequence[Sequence[Message]]) -> list[str | None]:
    """The text of each conversation, None where the template raises or writes more than 100,000 characters.

    One process for all of them, limited in CPU time, memory, output and time by the clock (about 0.1 s as a rule).

    Raises:
        UnusableTemplate: it does not compile, or the process ran into a limit.

    """
    request = {"template": template.text, "variables": dict(template.tokens), "conversations": conversations}
    written = _ask(msgspec.json.encode(request))
    try:
        answer = msgspec.json.decode(written, type=_Answer)
    except ValueError as error:  # cut off by a limit
        raise UnusableTemplate("it ran into a limit of time, memory or output") from error
    if answer.problem is not None or len(answer.rendered) != len(conversations):
        raise UnusableTemplate(answer.problem or "it gave no answer")
    return answer.rendered


def _ask(request: bytes) -> bytes:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"PYTHONIOENCODING": "utf-8"}
    # output goes to a file: a pipe has no size limit and would be read into this process
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                [sys.executable, "-P", str(_PROCESS)],
                input=request, stdout=output, stderr=subprocess.DEVNULL, env=environment, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise UnusableTemplate(f"it ran longer than {_SECONDS} s") from error
        output.seek(0)
        return output.read()
