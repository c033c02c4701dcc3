"""lint: datasets in, the lint report out; nothing is written or sent."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from service import __version__
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.lint.catalogue import rule_ids
from service.lint.check import CorpusFacts
from service.lint.chosen import Checks, chosen_checks
from service.lint.corpus import Corpus
from service.lint.distributions import quantile
from service.lint.diversity import FILE, DiversityLimits
from service.lint.engine import Linter
from service.lint.languages import identifier
from service.lint.near import need_sketches
from service.lint.profile import Profile, load_profile
from service.lint.row_groups import group_keys
from service.lint.rule_file import rule_file
from service.lint.schemas_given import given_schemas
from service.records.decision import FactValue
from service.records.identity import record_id
from service.records.lint_report import LintedFile, LintReport, NotScanned, Role, Severity, Summary
from service.verbs.linting.privacy import PrivacyRequest, is_of_scan, scan_facts, scan_for, scan_gaps, scan_identity
from service.verbs.linting.synthetic import Synthetic, synthetic_of
from service.verbs.synthesizing.origins import Origins

if TYPE_CHECKING:
    from service.lint.tokens.counter import Mode, TokenCounter

METHODS = ("sft", "dpo", "rft")
TOKENS: tuple[Mode, ...] = ("off", "auto", "exact")
_ONE_TURN = 2
# the rules of closer looks
_NEAR, _OF_LANGUAGES = ("Q002", "X003"), ("Q030",)


class LintInput(msgspec.Struct, frozen=True):
    """One input; `path` is None for the given stream. `origins` tell synthetic rows, else files beside it do."""

    path: Path | None
    shown_as: str
    role: Role = "train"
    origins: Origins | None = None


class LintRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to lint, and for whom.

    `workers` 0 takes as many processes as a large file is worth. `model_folder` holds the base model's tokenizer and
    chat template; `tokens` says whether lengths are counted. `row_schema` and `answer_schema` are files with a JSON
    Schema for every row, and for the answers that are JSON, or the text of one that came with a request.
    `near_duplicates` and `languages` are closer looks that need optional parts. `privacy` says how personal data is
    looked for; who asks for a person leaves its mode open, so that it is looked for where it can be. Parquet is refused
    unless `parquet` says otherwise, because the trainers do not read it; with `parquet_bytes` it is a stranger's, of
    which a small one can fill a memory: a limited process reads it, up to so many bytes of rows.
    """

    inputs: list[LintInput]
    target: str
    method: str = "sft"
    model: str | None = None
    select: list[str] = []
    ignore: list[str] = []
    max_findings: int = 20
    workers: int = 1
    tokens: Mode = "auto"
    model_folder: Path | None = None
    parquet: bool = False
    parquet_bytes: int | None = None
    near_duplicates: bool = False
    languages: bool = False
    privacy: PrivacyRequest = PrivacyRequest(mode="off")
    row_schema: Path | bytes | None = None
    answer_schema: Path | bytes | None = None


def lint(
    request: LintRequest,
    *,
    rules: RuleFiles,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
) -> LintReport:
    """The report on all inputs as one corpus. Any readable bytes but Parquet's get a report.

    `progress` is given how many bytes were read since its last call.

    Raises:
        TuneGateError: `unreadable_path`, `missing_extra` for Parquet or a closer look without its library, or
            `invalid_input` for an unknown target, method or rule id, an unusable schema and Parquet that is not taken.
    """
    checks, undone = asked(request, rules)
    linter = Linter(
        checks, workers=request.workers, parquet=request.parquet, parquet_bytes=request.parquet_bytes, progress=progress
    )
    inputs = sorted(request.inputs, key=lambda each: each.role)
    for one in inputs:
        _read(one, linter, stdin)
    corpus = linter.finish()
    synthetic = synthetic_of([(one.path, one.origins) for one in inputs], linter.files)
    return _report(request, checks, rules, linter, corpus, undone, synthetic)


class Undone(NamedTuple):
    """Why lengths are not counted, and why personal data is not looked for; None where they are."""

    uncounted: str | None
    unscanned: str | None


def asked(request: LintRequest, rules: RuleFiles) -> tuple[Checks, Undone]:
    """The checks that a request asks for, and what of it is not done.

    Raises:
        TuneGateError: as `lint`, for what can be told before anything is read.
    """
    profile = load_profile(request.target, rules)
    codes = _chosen(request)
    schemas = given_schemas(request.row_schema, request.answer_schema)
    counter, uncounted = _counter(request, profile)
    if request.near_duplicates:
        need_sketches()
    if request.languages:
        # loads the model here, so that forked workers share it
        identifier()
    checks = chosen_checks(
        _with_template(profile, request.model_folder), codes, method=request.method, model=request.model or "",
        most=request.max_findings, counter=counter, schemas=schemas,
    )  # fmt: skip
    scan, unscanned = scan_for(request.privacy, checks.severities, profile, rules)
    if scan is None:
        checks = msgspec.structs.replace(checks, severities=_without_scan(checks.severities))
    closer = msgspec.structs.replace(
        checks,
        near=request.near_duplicates,
        languages=request.languages,
        group_keys=group_keys(rules),
        diversity=rule_file(FILE, DiversityLimits, rules),
        privacy=scan,
    )
    return closer, Undone(uncounted, unscanned)


def _without_scan(severities: dict[str, Severity]) -> dict[str, Severity]:
    """The rules without those of the privacy scan, which must not count as run."""
    return {code: severity for code, severity in severities.items() if not is_of_scan(code)}


def _read(one: LintInput, linter: Linter, stdin: BinaryIO | None) -> None:
    if one.path is not None:
        linter.read_file(one.path, one.shown_as, one.role)
    elif stdin is None:
        raise TuneGateError("invalid_input", "No standard input to read.")
    else:
        linter.read_stream(stdin, one.shown_as, one.role)


def _chosen(request: LintRequest) -> set[str]:
    known = rule_ids()
    errors = [
        ErrorItem(option, wanted, "a rule id or the start of one", suggestion(wanted, known) or None)
        for option, names in (("select", request.select), ("ignore", request.ignore))
        for wanted in names
        if not any(code.startswith(wanted) for code in known)
    ]
    if request.method not in METHODS:
        errors.append(ErrorItem("method", request.method, ", ".join(METHODS)))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} option(s) name nothing.", errors=errors)
    selected = {code for code in known if not request.select or code.startswith(tuple(request.select))}
    unasked = {*(() if request.near_duplicates else _NEAR), *(() if request.languages else _OF_LANGUAGES)}
    return {code for code in selected - unasked if not (request.ignore and code.startswith(tuple(request.ignore)))}


def _report(
    request: LintRequest,
    checks: Checks,
    rules: RuleFiles,
    linter: Linter,
    corpus: Corpus,
    undone: Undone,
    synthetic: Synthetic,
) -> LintReport:
    revision = hashlib.sha256(f"{rules.revision} {__version__}".encode()).hexdigest()
    findings, counts = linter.findings(), linter.counts
    listed = Counter(finding.rule for finding in findings)
    errors, personal = linter.total("error"), corpus.personal()
    return LintReport(
        id=_identity(request, checks, revision, linter, synthetic),
        rules_run=sorted(checks.severities),
        rules_revision=revision,
        target=checks.profile.id,
        method=request.method,
        model=request.model,
        files=linter.files,
        verdict="fail" if errors else "pass",
        summary=Summary(errors, linter.total("warning"), linter.total("info")),
        counts=counts,
        findings=findings,
        suppressed=linter.suppressed,
        truncated={code: count - listed[code] for code, count in counts.items() if count > listed[code]},
        facts=_facts(corpus, errors) | scan_facts(checks.privacy, personal) | synthetic.facts,
        not_scanned=[*_not_scanned(checks, undone, corpus, linter.files), *synthetic.untold],
        statistics=corpus.statistics(),
        synth=list(synthetic.rows),
        synth_rows=synthetic.rows,
    )


def _counter(request: LintRequest, profile: Profile) -> tuple[TokenCounter | None, str | None]:
    if request.tokens == "off":
        return None, "counting is switched off"
    # loads templates and encoders, which take longer than to lint a small file
    from service.lint.tokens.counter import counter_for

    return counter_for(target=profile.id, model=request.model, model_folder=request.model_folder, mode=request.tokens)


def _with_template(profile: Profile, folder: Path | None) -> Profile:
    """The profile as the model's own chat template has it, where it can be asked."""
    if folder is None:
        return profile
    from service.lint.templates.behaviour import refusals

    return msgspec.structs.replace(profile, template=refusals(folder))


def _not_scanned(checks: Checks, undone: Undone, corpus: Corpus, files: list[LintedFile]) -> list[NotScanned]:
    found: list[NotScanned] = []
    counter, approximate, facts = checks.counter, corpus.approximate(), corpus.facts
    looked_at = facts.languages.looked_at
    if counter is None:
        why = f"lengths are estimated at four bytes per token: {undone.uncounted}"
        found.append(NotScanned("exact token counts", why))
    elif counter.note or approximate:
        said = f"{approximate} row(s) with tools, calls or images are counted as the text they are written as"
        why = "; ".join(filter(None, [counter.note, said if approximate else ""]))
        found.append(NotScanned("exact token counts", why))
    if unverified := checks.profile.unverified:
        found.append(NotScanned("limits that nobody verified", ", ".join(unverified)))
    rows = sum(file.rows for file in files)
    found += scan_gaps(checks.privacy, undone.unscanned, corpus.personal(), rows)
    if not checks.near:
        found.append(NotScanned("near duplicates", "only rows whose prompts and answers are equal are found"))
    if checks.languages and looked_at < facts.rows:
        found.append(NotScanned("languages of all rows", f"{looked_at} of {facts.rows} rows were looked at"))
    return found


def _identity(request: LintRequest, checks: Checks, revision: str, linter: Linter, synthetic: Synthetic) -> str:
    counted = checks.counter.name if checks.counter else None
    refused = sorted(checks.profile.refused)
    return record_id(
        {
            "files": [[file.role, file.sha256] for file in linter.files],
            "target": checks.profile.id,
            "method": request.method,
            "model": request.model,
            "options": [request.select, request.ignore, request.max_findings, counted, refused],
            "closer": [request.near_duplicates, request.languages],
            "schemas": checks.schemas.digests,
            "privacy": scan_identity(checks.privacy),
            "rules_revision": revision,
        }
        # of other data the id is what it always was
        | ({"synth": [list(synthetic.rows), synthetic.share]} if synthetic.rows else {})
    )


def _facts(corpus: Corpus, errors: int) -> dict[str, FactValue]:
    facts, split, lengths = corpus.facts, corpus.split, corpus.lengths()
    return _of_answers(facts) | {
        "data.rows": facts.valid,
        "data.errors": errors,
        "data.duplicate_share": round(facts.duplicates.total / facts.rows, 6) if facts.rows else 0.0,
        "data.leakage_rows": split.same_rows.total + split.same_prompts.total,
        "data.system_prompts": facts.systems,
        "data.tokens_p50": quantile(lengths, 0.5),
        "data.tokens_p95": quantile(lengths, 0.95),
        "data.tokens_max": quantile(lengths, 1.0),
        "data.weights_used": any(partial.weighted for partial in corpus.training),
        "data.multi_turn": facts.longest_turns > _ONE_TURN,
    }


def _of_answers(facts: CorpusFacts) -> dict[str, FactValue]:
    """Nothing where there are too few answers, or their words cannot be told."""
    found = facts.diversity
    if found is None:
        return {}
    return {"data.distinct_2": found.distinct_2, "data.compression_ratio": found.compression_ratio}
