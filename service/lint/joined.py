"""What was kept of several files, as if they were one."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from service.lint.near import Sketches
from service.lint.overlap import Keys
from service.lint.partial import Partial


def joined_keys(files: Sequence[Partial], training: int) -> Keys:
    """The hashes of all lines of some files, training files first, with the number of their lines."""
    if len(files) == 1:
        one = files[0]
        return Keys(one.prompts, one.answers, one.others, training)
    prompts, answers, others = array("Q"), array("I"), array("I")
    some = any(one.others for one in files)
    for one in files:
        prompts.extend(one.prompts)
        answers.extend(one.answers)
        if some:
            others.extend(one.others)
            others.extend([0] * (len(answers) - len(others)))
    return Keys(prompts, answers, others, training)


def joined_sketches(files: Sequence[Partial]) -> Sketches:
    """The sketches of all rows of some files."""
    if len(files) == 1:
        return files[0].near
    whole, lines = Sketches(), 0
    for one in files:
        whole.merge(one.near, lines)
        lines += one.lines
    return whole
