"""lint over HTTP: the query of /v1/lint and /v1/datasets, every mistake in it told at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, did_you_mean
from service.lint.catalogue import rule_ids
from service.lint.profile import load_profiles
from service.lint.schemas_given import schema_of_request
from service.lint.tokens.counter import Mode as TokenMode
from service.privacy.languages import language_code, unknown_languages
from service.verbs.lint import METHODS, TOKENS, LintInput, LintRequest
from service.verbs.linting.privacy import AUTO, MODES, Mode
from service.verbs.redacting.settings import PrivacyTable, privacy_request

_RULES = "a rule id or the start of one"
_SHOWN, _DIGITS = 60, 9
# with its worst escaping, two of them and the rest stay below the 64 KiB that servers take of a request's head
_MOST_SCHEMA_BYTES = 8_192
_FLAGS = {"true": True, "false": False}
MAX_FINDINGS = LintRequest(inputs=[], target="").max_findings


class Parameter(msgspec.Struct, frozen=True):
    """One query parameter; `schema` is its JSON Schema, `stored` whether /v1/datasets takes it too.

    `json` marks one whose value is JSON text.
    """

    name: str
    schema: dict[str, Any]
    what: str
    required: bool = False
    stored: bool = True
    json: bool = False


# a stored dataset is linted by every rule, because plans rest on its report
PARAMETERS = (
    Parameter("target", {"type": "string"}, "Who will train; GET /v1/targets lists them.", required=True),
    Parameter("method", {"type": "string", "enum": list(METHODS), "default": "sft"}, "Training method."),
    Parameter("model", {"type": "string"}, "The base model; some have limits of their own."),
    Parameter(
        "tokens", {"type": "string", "enum": list(TOKENS), "default": "auto"},
        "Count tokens with the model's own encoding: auto where it is at hand, exact or not at all.",
    ),
    Parameter(
        "max_findings", {"type": "integer", "minimum": 0, "default": MAX_FINDINGS},
        "At most this many findings per rule are listed (0 = all); counts are always complete.",
    ),
    Parameter(
        "near_duplicates", {"type": "boolean", "default": False},
        "Also find rows that are nearly the same; needs the optional part [near].",
    ),
    Parameter(
        "languages", {"type": "boolean", "default": False},
        "Also tell the languages of a sample of rows; needs the optional part [languages].",
    ),
    Parameter(
        "row_schema", {"type": "object"},
        f"A JSON Schema that every row must keep (F040): its JSON text, at most {_MOST_SCHEMA_BYTES} bytes. No "
        "patterns, and references to #/... only; nothing is fetched.", json=True,
    ),
    Parameter(
        "answer_schema", {"type": "object"},
        "The same for answers that are JSON (F041), also as a response_format has it.", json=True,
    ),
    Parameter(
        "privacy", {"type": "string", "enum": list(MODES)},
        "Look for personal data and secrets; patterns where the service has the privacy extra and nothing is said.",
    ),
    Parameter(
        "language", {"type": "string", "default": "en"},
        "Look for it as in texts of these languages (ISO 639-1, with commas); auto tells each row's.",
    ),
    Parameter("select", {"type": "string"}, "Only these rules: ids or their starts, with commas.", stored=False),
    Parameter("ignore", {"type": "string"}, "Not these rules.", stored=False),
)  # fmt: skip


def parameters(*, stored: bool) -> list[Parameter]:
    """What /v1/datasets (`stored`) or /v1/lint takes."""
    return [one for one in PARAMETERS if one.stored or not stored]


def lint_request(
    query: Sequence[tuple[str, str]],
    rules: RuleFiles,
    *,
    stored: bool = False,
    privacy: Sequence[PrivacyTable] = (),
) -> LintRequest:
    """The request that a query asks for; the body is its only input, read as a stream.

    `privacy` are the settings of the service itself, under what a query says.

    Raises:
        TuneGateError: `invalid_input` with one error per parameter that is missing, unknown, repeated or wrong.
    """
    known = {one.name: one for one in parameters(stored=stored)}
    errors = [_unknown(name, list(known), stored=stored) for name in dict(query) if name not in known]
    values: dict[str, str] = {}
    for name, value in query:
        if name in values and name in known:
            errors.append(ErrorItem(name, "given twice", "once; several rules go with commas"))
        values[name] = value
    errors += _wrong(values, rules)
    if errors:
        raise TuneGateError(
            "invalid_input",
            f"{len(errors)} query parameter(s) cannot be used; the body was not read.",
            remedy="GET /schema describes them.",
            errors=errors,
        )
    return LintRequest(
        inputs=[LintInput(None, "-")],
        target=values["target"],
        method=values.get("method", "sft"),
        model=values.get("model") or None,
        select=_names(values.get("select", "")),
        ignore=_names(values.get("ignore", "")),
        privacy=privacy_request(
            privacy,
            mode=msgspec.convert(values.get("privacy"), Mode | None),
            languages=_names(values.get("language", "")),
        ),
        tokens=msgspec.convert(values.get("tokens", "auto"), TokenMode),
        max_findings=int(values.get("max_findings", MAX_FINDINGS)),
        near_duplicates=_FLAGS[values.get("near_duplicates", "false")],
        languages=_FLAGS[values.get("languages", "false")],
        row_schema=_text(values, "row_schema"),
        answer_schema=_text(values, "answer_schema"),
    )


def _wrong(values: dict[str, str], rules: RuleFiles) -> list[ErrorItem]:
    profiles = load_profiles(rules)
    targets = sorted({profile.id for profile in profiles} | {alias for one in profiles for alias in one.aliases})
    errors = []
    if values.get("target") not in targets:
        errors.append(_choice("target", values.get("target"), targets))
    if values.get("method", "sft") not in METHODS:
        errors.append(ErrorItem("method", values["method"][:_SHOWN], ", ".join(METHODS)))
    if values.get("tokens", "auto") not in TOKENS:
        errors.append(ErrorItem("tokens", values["tokens"][:_SHOWN], ", ".join(TOKENS)))
    if values.get("privacy", "off") not in MODES:
        errors.append(ErrorItem("privacy", values["privacy"][:_SHOWN], ", ".join(MODES)))
    named = [language_code(code) for code in _names(values.get("language", ""))]
    errors += unknown_languages([code for code in named if code != AUTO], "language")
    most = values.get("max_findings", "0")
    if not (most.isascii() and most.isdigit() and len(most) <= _DIGITS):
        errors.append(ErrorItem("max_findings", most[:_SHOWN], "a whole number from 0 (all)"))
    errors += [
        ErrorItem(name, values[name][:_SHOWN], ", ".join(_FLAGS))
        for name in ("near_duplicates", "languages")
        if values.get(name, "false") not in _FLAGS
    ]
    errors += [error for name in ("row_schema", "answer_schema") for error in _of_schema(values, name)]
    codes = rule_ids()
    for option in ("select", "ignore"):
        errors += [
            ErrorItem(option, name[:_SHOWN], _RULES, _hint(name, codes))
            for name in _names(values.get(option, ""))
            if not any(code.startswith(name) for code in codes)
        ]
    return errors


def _of_schema(values: dict[str, str], name: str) -> Sequence[ErrorItem]:
    raw = _text(values, name)
    if raw is None:
        return ()
    if len(raw) > _MOST_SCHEMA_BYTES:
        remedy = f"Lint on the command line: tunegate lint --{name.replace('_', '-')} FILE."
        return [ErrorItem(name, f"{len(raw)} bytes", f"at most {_MOST_SCHEMA_BYTES} bytes", remedy)]
    try:
        schema_of_request(raw, name)
    except TuneGateError as error:
        seen = error.detail.removeprefix(f"{name}: ")
        return error.errors or [ErrorItem(name, seen, "a JSON Schema", error.remedy)]
    return ()


def _text(values: dict[str, str], name: str) -> bytes | None:
    return values[name].encode() if values.get(name) else None


def _unknown(name: str, known: list[str], *, stored: bool) -> ErrorItem:
    if stored and name in {one.name for one in PARAMETERS}:
        remedy = "A stored dataset is linted by every rule; a plan can override a blocker by name."
        return ErrorItem(name, "a choice of rules", ", ".join(known), remedy)
    return ErrorItem(name[:_SHOWN], "an unknown parameter", ", ".join(known), _hint(name, known))


def _choice(name: str, seen: str | None, allowed: list[str]) -> ErrorItem:
    return ErrorItem(name, seen and seen[:_SHOWN], ", ".join(allowed), _hint(seen or "", allowed))


def _hint(seen: str, options: list[str]) -> str | None:
    nearest = did_you_mean(seen[:_SHOWN], options) if seen else None
    return f"Did you mean {nearest!r}?" if nearest else None


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]
