"""lint: datasets in, the lint report out; nothing is written or sent."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import msgspec

from service import __version__
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.lint.catalogue import rule_ids
from service.lint.check import SplitFacts
from service.lint.corpus import corpus_facts, split_facts, statistics
from service.lint.engine import Collector, Linter
from service.lint.profile import Profile, load_profile
from service.lint.reader import Source, open_source
from service.lint.tally import Tally
from service.records.decision import FactValue
from service.records.identity import record_id
from service.records.lint_report import LintReport, NotScanned, Role, Statistics, Summary

METHODS = ("sft", "dpo", "rft")


class LintInput(msgspec.Struct, frozen=True):
    """One input; `path` is None for the given stream."""

    path: Path | None
    shown_as: str
    role: Role = "train"


class LintRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to lint, and for whom."""

    inputs: list[LintInput]
    target: str
    method: str = "sft"
    model: str | None = None
    select: list[str] = []
    ignore: list[str] = []
    max_findings: int = 20


def lint(request: LintRequest, *, rules: RuleFiles, stdin: BinaryIO | None = None) -> LintReport:
    """The report on all inputs as one corpus. Any readable bytes get a report.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` for an unknown target, method or rule id.
    """
    profile = load_profile(request.target, rules)
    chosen = _chosen(request)
    collector = Collector(profile, chosen=chosen, most=request.max_findings, method=request.method)
    linter = Linter(profile, collector, method=request.method, model=request.model or "")
    for one in sorted(request.inputs, key=lambda each: each.role):
        _read(one, linter, stdin)
    training = [tally for role, tally in linter.tallies if role == "train"]
    facts = corpus_facts(training, profile.limit_values(request.model or ""))
    split = _split(linter)
    linter.finish([(training[0].path if training else "-", facts)], split, request.inputs[-1].shown_as)
    return _report(request, profile, rules, linter, collector, split, statistics(training, facts))


def _read(one: LintInput, linter: Linter, stdin: BinaryIO | None) -> None:
    if one.path is None:
        if stdin is None:
            raise TuneGateError("invalid_input", "No standard input to read.")
        linter.read(Source(stdin, one.shown_as), one.role)
        return
    handle, source = open_source(one.path, one.shown_as)
    with handle:
        linter.read(source, one.role)


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
    return {code for code in selected if not (request.ignore and code.startswith(tuple(request.ignore)))}


def _split(linter: Linter) -> SplitFacts:
    train = [tally for role, tally in linter.tallies if role == "train"]
    held_out = [tally for role, tally in linter.tallies if role == "validation"]
    hashes = {role: {file.sha256 for file in linter.files if file.role == role} for role in ("train", "validation")}
    return split_facts(train, held_out, same_file=bool(hashes["train"] & hashes["validation"]))


def _report(
    request: LintRequest,
    profile: Profile,
    rules: RuleFiles,
    linter: Linter,
    collector: Collector,
    split: SplitFacts,
    distributions: Statistics,
) -> LintReport:
    revision = hashlib.sha256(f"{rules.revision} {__version__}".encode()).hexdigest()
    findings = [finding for kept in collector.kept.values() for finding in kept]
    order = {file.path: i for i, file in enumerate(linter.files)}
    findings.sort(key=lambda f: (order.get(f.path, 0), f.line or 0, f.rule, f.pointer or ""))
    errors = collector.total("error")
    training = [tally for role, tally in linter.tallies if role == "train"]
    return LintReport(
        id=_identity(request, profile, revision, linter),
        rules_revision=revision,
        target=profile.id,
        method=request.method,
        model=request.model,
        files=linter.files,
        verdict="fail" if errors else "pass",
        summary=Summary(errors, collector.total("warning"), collector.total("info")),
        counts=dict(sorted(collector.counts.items())),
        findings=findings,
        truncated={
            code: collector.counts[code] - len(kept)
            for code, kept in sorted(collector.kept.items())
            if collector.counts[code] > len(kept)
        },
        facts=_facts(training, errors, len(split.same_rows) + len(split.same_prompts)),
        not_scanned=[
            NotScanned("exact token counts", "lengths are estimated at four bytes per token"),
            NotScanned("personal data and secrets", "the privacy scan is not part of this version"),
            NotScanned("near duplicates", "only rows that are equal byte for byte are found"),
        ],
        statistics=distributions,
    )


def _identity(request: LintRequest, profile: Profile, revision: str, linter: Linter) -> str:
    return record_id(
        {
            "files": [[file.role, file.sha256] for file in linter.files],
            "target": profile.id,
            "method": request.method,
            "model": request.model,
            "options": [request.select, request.ignore, request.max_findings],
            "rules_revision": revision,
        }
    )


def _facts(training: list[Tally], errors: int, leakage: int) -> dict[str, FactValue]:
    rows = sum(tally.rows for tally in training)
    facts = corpus_facts(training, {})
    lengths = _joined(training)
    return {
        "data.rows": facts.valid,
        "data.errors": errors,
        "data.duplicate_share": round(len(facts.duplicates) / rows, 6) if rows else 0.0,
        "data.leakage_rows": leakage,
        "data.system_prompts": len({digest for tally in training for digest in tally.systems}),
        "data.tokens_p50": lengths.token_quantile(0.5),
        "data.tokens_p95": lengths.token_quantile(0.95),
        "data.tokens_max": lengths.token_quantile(1.0),
        "data.weights_used": any(tally.weighted for tally in training),
        "data.multi_turn": any(tally.longest_turns > 2 for tally in training),
    }


def _joined(tallies: list[Tally]) -> Tally:
    joined = Tally("-")
    for tally in tallies:
        joined.tokens.update(tally.tokens)
    return joined
