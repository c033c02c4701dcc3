"""JUnit XML: a suite per file, a case per rule, for the test tabs of Azure DevOps, GitLab and Jenkins."""

from __future__ import annotations

from collections import defaultdict
from xml.etree import ElementTree as ET

from service.lint.outputs.groups import counted, place, printable, title, worst_first
from service.records.lint_report import Finding, LintedFile, LintReport

_Found = dict[str, list[Finding]]


def junit(report: LintReport) -> str:
    """A case fails when its rule found an error in the file; warnings and infos are its output.

    Cases are the rules that ran, where the report has them, and those that found something. A rule whose list of
    findings was cut and shows none for a file is skipped there: its place in that file is not known. There are no
    times in it, for the record has none.
    """
    by_path: dict[str, _Found] = {file.path: defaultdict(list) for file in report.files}
    for finding in worst_first(report):
        by_path.setdefault(finding.path, defaultdict(list))[finding.rule].append(finding)
    files = {file.path: file for file in report.files}
    root = ET.Element("testsuites", name=f"tunegate lint {report.target}")
    for path, found in by_path.items():
        _suite(root, report, path, found, files.get(path))
    _count(root, root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, report: LintReport, path: str, found: _Found, file: LintedFile | None) -> None:
    suite = ET.SubElement(root, "testsuite", name=printable(path))
    properties = ET.SubElement(suite, "properties")
    known = {"target": report.target, "method": report.method, "report": report.id, "model": report.model}
    known |= {"role": file.role, "sha256": file.sha256, "rows": str(file.rows)} if file else {}
    for name, value in known.items():
        if value:
            ET.SubElement(properties, "property", name=name, value=printable(value))
    # of one file everything is known but the places
    cut = report.truncated if len(report.files) > 1 else {}
    for rule in sorted({*report.rules_run, *found, *cut}):
        _case(suite, path, rule, found.get(rule, []), more=report.truncated.get(rule, 0))
    if not report.rules_run:
        # services refuse a suite without a case, and which other rules ran is not in such a report
        ET.SubElement(suite, "testcase", name="the file was read", classname=printable(path))
    _count(suite, suite)


def _case(suite: ET.Element, path: str, rule: str, findings: list[Finding], *, more: int) -> None:
    case = ET.SubElement(
        suite, "testcase", name=f"{rule} {title(rule)}".strip(), classname=printable(path), file=printable(path)
    )
    errors = [one for one in findings if one.severity == "error"]
    others = [one for one in findings if one.severity != "error"]
    if errors:
        first = printable(errors[0].message)
        message = first if len(errors) == 1 else f"{counted(len(errors), 'error')}, the first: {first}"
        ET.SubElement(case, "failure", message=message, type="error").text = _lines(errors, more)
    elif more and not findings:
        why = "the list of this rule's findings was cut; --max-findings 0 lists all"
        ET.SubElement(case, "skipped", message=why)
    if others:
        ET.SubElement(case, "system-out").text = _lines(others, 0 if errors else more)


def _lines(findings: list[Finding], more: int) -> str:
    lines = [f"{one.severity} {place(one)}: {printable(one.message)}" for one in findings]
    return "\n".join([*lines, f"and {counted(more, 'finding')} of this rule that are not listed"] if more else lines)


def _count(element: ET.Element, within: ET.Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        element.set(name, str(len(list(within.iter(tag)))))
    element.set("errors", "0")
