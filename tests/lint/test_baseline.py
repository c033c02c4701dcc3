"""A report held against an older one: what is new, what is known, and what cannot be told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.errors import TuneGateError
from service.lint.baseline import against
from service.records.lint_report import Finding, LintedFile, LintReport, Summary
from service.verbs.lint import LintInput, LintRequest
from service.verbs.linting.baseline import lint_against

Place = tuple[str, str, str, int]
PLACES = st.lists(
    st.tuples(
        st.sampled_from(["R030", "Q001"]), st.sampled_from(["/a", "/b"]), st.sampled_from("xy"), st.integers(1, 9)
    ),
    max_size=12,
)


def report(places: list[Place], *, most: int = 0, **changed: Any) -> LintReport:
    """An error for each (rule, pointer, words, line), in this order, at most `most` of a rule listed."""
    seen: Counter[str] = Counter()
    listed = []
    for rule, pointer, words, line in places:
        seen[rule] += 1
        if not most or seen[rule] <= most:
            listed.append(Finding(rule, "error", "data.jsonl", line, 0, pointer, f"{words}, as in line {line}"))
    more = seen - Counter(one.rule for one in listed)
    values: dict[str, Any] = {
        "id": "1" * 64, "rules_revision": "2" * 64, "target": "local", "method": "sft", "model": None,
        "files": [LintedFile("data.jsonl", "train", "3" * 64, 99, 9)],
        "verdict": "fail" if places else "pass", "summary": Summary(len(places), 0, 0), "counts": dict(seen),
        "findings": listed, "truncated": dict(more), "facts": {"data.errors": len(places)}, "not_scanned": [],
    }  # fmt: skip
    return LintReport(**values | changed)


def test_a_report_has_nothing_new_against_itself() -> None:
    same = report([("R030", "/a", "x", 1), ("R030", "/a", "x", 2), ("Q001", "/a", "x", 3)])
    held = against(same, same)
    assert (held.verdict, held.findings, held.counts, held.known) == ("pass", [], {}, {"R030": 2, "Q001": 1})
    assert held.summary == Summary(0, 0, 0)
    assert held.facts == same.facts
    assert held.baseline == same.id != held.id


def test_moved_lines_and_another_path_are_not_new_and_one_more_is() -> None:
    before = report([("R030", "/a", "x", 1)])
    moved = [("R030", "/a", "x", 41), ("R030", "/a", "x", 57)]
    held = against(report(moved, files=[LintedFile("moved.jsonl", "train", "4" * 64, 99, 9)]), before)
    assert [finding.line for finding in held.findings] == [57]
    assert (held.verdict, held.summary.errors, held.known) == ("fail", 1, {"R030": 1})


@pytest.mark.parametrize(
    "changed", [{"pointer": "/b"}, {"rule": "R031"}, {"severity": "warning"}, {"message": "y, as in line 1"}]
)
def test_another_rule_severity_pointer_or_message_is_new(changed: dict[str, str]) -> None:
    before = report([("R030", "/a", "x", 1)])
    other = msgspec.convert(msgspec.to_builtins(before.findings[0]) | changed, Finding)
    held = against(msgspec.structs.replace(before, findings=[other], counts={other.rule: 1}), before)
    assert held.findings == [other]


def test_a_finding_that_moved_from_training_to_validation_is_new() -> None:
    before = report([("R030", "/a", "x", 1)])
    after = report([("R030", "/a", "x", 1)], files=[LintedFile("data.jsonl", "validation", "3" * 64, 99, 9)])
    assert against(after, before).verdict == "fail"


@given(old=PLACES, new=PLACES)
def test_what_is_new_is_the_difference_of_what_is_listed(old: list[Place], new: list[Place]) -> None:
    held = against(report(new), report(old))
    difference = Counter(place[:3] for place in new) - Counter(place[:3] for place in old)
    assert Counter((f.rule, f.pointer, f.message[0]) for f in held.findings) == difference
    assert Counter(held.counts) + Counter(held.known) == Counter(place[0] for place in new)
    assert held.verdict == ("fail" if difference else "pass")
    assert held.not_scanned == []


@given(old=PLACES, new=PLACES, most=st.integers(1, 4))
def test_a_cut_baseline_knows_as_many_as_it_counts_and_says_so(old: list[Place], new: list[Place], most: int) -> None:
    cut = against(report(new), report(old, most=most))
    exact = against(report(new), report(old))
    for rule in ("R030", "Q001"):
        fewest = sum(place[0] == rule for place in new) - sum(place[0] == rule for place in old)
        found = cut.counts.get(rule, 0)
        assert max(0, fewest) <= found <= exact.counts.get(rule, 0)
        if found < exact.counts.get(rule, 0):
            assert f"which findings of {rule} are new" in [one.what for one in cut.not_scanned]


def test_what_a_cut_baseline_may_hold_are_the_last_findings_and_the_first_are_shown() -> None:
    before = report([("R030", "/a", "x", 1), ("R030", "/b", "y", 2)], most=1)
    held = against(report([("R030", "/a", "x", 1), ("R030", "/b", "x", 2), ("R030", "/b", "y", 3)]), before)
    assert [finding.line for finding in held.findings] == [2]
    (untold,) = held.not_scanned
    assert untold.why.startswith("the baseline lists 1 of 2, so 1 of the others counted as known by their number alone")


@given(old=PLACES, new=PLACES, most=st.integers(1, 4))
def test_new_findings_are_cut_after_they_are_counted(old: list[Place], new: list[Place], most: int) -> None:
    cut, whole = (against(report(new), report(old), max_findings=limit) for limit in (most, 0))
    assert (cut.counts, cut.known, cut.verdict) == (whole.counts, whole.known, whole.verdict)
    listed = Counter(finding.rule for finding in cut.findings)
    assert listed == Counter({rule: min(most, count) for rule, count in whole.counts.items()})
    assert Counter(cut.truncated) + listed == Counter(whole.counts)
    for rule, count in listed.items():
        first = [finding for finding in whole.findings if finding.rule == rule][:count]
        assert [finding for finding in cut.findings if finding.rule == rule] == first


def test_a_cut_report_is_refused_for_its_new_findings_cannot_be_known() -> None:
    with pytest.raises(ValueError, match="before its findings are cut"):
        against(report([("R030", "/a", "x", n) for n in range(5)], most=2), report([]))


def test_everything_that_makes_a_baseline_useless_is_named_at_once() -> None:
    before = report([], target="openai", method="dpo", baseline="5" * 64)
    with pytest.raises(TuneGateError) as caught:
        against(report([]), before)
    assert [item.where for item in caught.value.errors] == ["baseline: target", "baseline: method", "baseline"]
    assert "--max-findings 0" in caught.value.remedy


def test_the_verb_compares_all_findings_whatever_is_listed(tmp_path: Path) -> None:
    bad = {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "weight": True}]}
    path = tmp_path / "data.jsonl"
    path.write_text((json.dumps(bad) + "\n") * 30)
    request = LintRequest(inputs=[LintInput(path, "data.jsonl")], target="local", select=["R030"], max_findings=5)
    before = report([("R030", "/messages/1/weight", "", 1)] * 25)
    message = "weight is a boolean; it is the number 0 or 1"
    before = msgspec.structs.replace(
        before, findings=[msgspec.structs.replace(one, message=message) for one in before.findings]
    )
    held = lint_against(request, before, rules=rule_files())
    assert (held.counts, held.known, held.truncated) == ({"R030": 5}, {"R030": 25}, {})
    assert [finding.line for finding in held.findings] == [26, 27, 28, 29, 30]
