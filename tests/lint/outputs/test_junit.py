"""JUnit XML, as test tabs read it."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import msgspec
import pytest

from service.lint.outputs.junit import junit
from service.records.lint_report import Finding, LintReport

Build = Callable[..., LintReport]
ERROR = Finding("R030", "error", "a.jsonl", 3, 70, "/messages/2/weight", "weight is a string")
WARNING = Finding("Q001", "warning", "b.jsonl", 2, 0, None, "the same row as line 1")


def suites(report: LintReport) -> dict[str, ET.Element]:
    root = ET.fromstring(junit(report))
    assert root.tag == "testsuites"
    return {suite.attrib["name"]: suite for suite in root}


def cases(suite: ET.Element) -> dict[str, list[str]]:
    """Rule -> what is said of it."""
    return {case.attrib["name"].split()[0]: [one.tag for one in case] for case in suite.iter("testcase")}


def test_a_file_is_a_suite_and_a_rule_is_a_case(build: Build) -> None:
    found = suites(build(ERROR, WARNING, paths=("a.jsonl", "b.jsonl"), rules_run=["Q001", "R012", "R030"]))
    assert cases(found["a.jsonl"]) == {"Q001": [], "R012": [], "R030": ["failure"]}
    assert cases(found["b.jsonl"]) == {"Q001": ["system-out"], "R012": [], "R030": []}
    (failure,) = found["a.jsonl"].iter("failure")
    assert failure.attrib["message"] == "weight is a string"
    assert failure.text == "error a.jsonl:3 /messages/2/weight: weight is a string"


def test_the_counts_are_those_of_the_cases(flawed: LintReport) -> None:
    root = ET.fromstring(junit(flawed))
    for element in (root, *root.iter("testsuite")):
        for name, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
            assert int(element.attrib[name]) == len(list(element.iter(tag)))
        assert element.attrib["errors"] == "0"
    assert root.attrib["failures"] == "11"


def test_several_errors_are_counted_and_listed_and_the_rest_is_said(build: Build) -> None:
    (suite,) = suites(build(ERROR, msgspec.structs.replace(ERROR, line=5), more=3, paths=("a.jsonl",))).values()
    (failure,) = suite.iter("failure")
    assert failure.attrib["message"] == "2 errors, the first: weight is a string"
    assert str(failure.text).splitlines() == [
        "error a.jsonl:3 /messages/2/weight: weight is a string",
        "error a.jsonl:5 /messages/2/weight: weight is a string",
        "and 3 findings of this rule that are not listed",
    ]


def test_a_clean_file_still_has_a_case(build: Build) -> None:
    (suite,) = suites(build()).values()
    assert [case.attrib["name"] for case in suite.iter("testcase")] == ["the file was read"]


@pytest.mark.parametrize("rules_run", [[], ["R030"]])
def test_a_cut_list_is_no_pass_for_the_file_it_does_not_show(build: Build, rules_run: list[str]) -> None:
    found = suites(build(ERROR, more=5, paths=("a.jsonl", "b.jsonl"), rules_run=rules_run))
    assert cases(found["a.jsonl"])["R030"] == ["failure"]
    assert cases(found["b.jsonl"])["R030"] == ["skipped"]


def test_a_finding_of_no_file_has_its_own_suite(build: Build) -> None:
    assert "-" in suites(build(Finding("X004", "info", "-", None, None, None, "no validation file")))


def test_what_xml_forbids_is_replaced(build: Build) -> None:
    shown = junit(build(Finding("R030", "error", "a\x00\x1b\udcff.jsonl", 1, 0, "/\x0b", "\ufffe")))
    ET.fromstring(shown)
    shown.encode()
    assert shown.count("\ufffd") >= 5
