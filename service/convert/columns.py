"""Which column is the prompt and which the answer: as named, or detected from names that leave no choice."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion

ROLES = ("user", "assistant", "system", "chosen", "rejected")
# what people call their columns, in small letters without spaces and signs
_NAMES = {
    "user": {"prompt", "question", "user", "query", "input", "instruction", "request", "problem", "human", "text",
             "usermessage", "userprompt"},
    "assistant": {"answer", "response", "completion", "output", "assistant", "reply", "solution", "label", "target",
                  "assistantmessage", "expectedanswer", "groundtruth"},
    "system": {"system", "systemprompt", "systemmessage"},
    "chosen": {"chosen", "preferred", "preferredoutput", "preferredanswer"},
    "rejected": {"rejected", "nonpreferred", "nonpreferredoutput", "rejectedanswer"},
}  # fmt: skip
_SHOWABLE = re.compile(r"[\w .,:;/()&'?#%+*-]{1,40}")


class Mapping(msgspec.Struct, frozen=True):
    """Role -> column; `given` when a person named it."""

    columns: dict[str, str]
    given: bool = False

    def shown(self) -> str:
        return ", ".join(f"{role} = {shown_column(column)}" for role, column in self.columns.items())


def shown_column(name: str) -> str:
    """A column's name, unless it may be a text: a table without a header has its first row there."""
    return f"`{name}`" if _SHOWABLE.fullmatch(name) else f"a column of {len(name)} characters"


def detected(columns: Sequence[str], *, preference: bool) -> Mapping:
    """The mapping that the names leave no choice about.

    Raises:
        TuneGateError: `invalid_input` with the choices.
    """
    wanted = ("user", "chosen", "rejected") if preference else ("user", "assistant")
    fitting = {role: [one for one in columns if _bare(one) in _NAMES[role]] for role in (*wanted, "system")}
    unclear = [
        ErrorItem(
            f"the column of the {role}",
            ", ".join(map(shown_column, fitting[role])) or "none that is called so",
            ", ".join(map(shown_column, fitting[role] or columns)) + " (one of them)",
        )
        for role in fitting
        if len(fitting[role]) > 1 or (role in wanted and not fitting[role])
    ]
    if unclear:
        raise TuneGateError(
            "invalid_input",
            "The columns do not say by their names what is asked and what is answered.",
            remedy=f"Name them: {_example(wanted)}",
            errors=unclear,
        )
    return Mapping({role: found[0] for role, found in fitting.items() if found})


def checked(mapping: Mapping, columns: Sequence[str]) -> Mapping:
    """A mapping that a person gave, if the columns are there.

    Raises:
        TuneGateError: `invalid_input`.
    """
    wrong = [
        ErrorItem(role, column, ", ".join(map(shown_column, columns)), suggestion(column, columns) or None)
        for role, column in mapping.columns.items()
        if column not in columns
    ]
    if wrong:
        raise TuneGateError("invalid_input", f"{len(wrong)} named column(s) are not in the table.", errors=wrong)
    return mapping


def given(named: dict[str, str]) -> Mapping | None:
    """The mapping of the options, None when no column was named.

    Raises:
        TuneGateError: `usage`.
    """
    if not named.keys() - {"system"}:
        return None
    unknown = [
        ErrorItem("map", role, ", ".join(ROLES), suggestion(role, ROLES) or None) for role in named.keys() - {*ROLES}
    ]
    answers = named.keys() & {"assistant", "chosen", "rejected"}
    if unknown or "user" not in named or answers not in ({"assistant"}, {"chosen", "rejected"}):
        raise TuneGateError(
            "usage",
            "A mapping names the column of the prompt, and of the answer or of both preferences.",
            remedy="--map user=QUESTION,assistant=ANSWER, or --map user=QUESTION,chosen=BETTER,rejected=WORSE",
            errors=unknown,
        )
    return Mapping(named, given=True)


def _example(wanted: tuple[str, ...]) -> str:
    return f"--map {','.join(f'{role}=COLUMN' for role in wanted)}"


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
