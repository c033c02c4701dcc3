"""lint, as a page for whoever decides: the verdict in words, what ignoring it costs, what to mend and how."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from service.lint.outputs.groups import (
    SEVERITIES,
    Group,
    counted,
    groups,
    location,
    printable,
    size,
    summary,
    suppressed,
    total_rows,
)
from service.records.lint_report import LintReport
from service.verbs.linting.charts import distributions
from service.verbs.linting.page_style import STYLE
from service.verbs.rendering.charts import Bar, chart
from service.verbs.rendering.elements import Inside, element, markup, prose, table
from service.verbs.rendering.pages import page_frame

_MOST_PROBLEMS, _MOST_PLACES = 10, 5


def html(report: LintReport) -> str:
    """One file that needs nothing else; it says the same for the same report, so it has no date."""
    found = groups(report)
    title = _headline(report)
    body = element(
        "main",
        element("header", element("h1", title), element("p", *_sentence(report)), class_=f"verdict {report.verdict}"),
        *_cost(report),
        *_problems(found),
        *_all_rules(report, found),
        *_charts(report),
        *_mend(report, found),
        *_files(report),
        *_not_scanned(report),
    )
    foot = element("footer", f"Report {report.id}. Rules {report.rules_revision}.")
    return page_frame(f"tunegate lint: {title}", markup([body, foot]), style=STYLE)


def _headline(report: LintReport) -> str:
    new = "new " if report.baseline else ""
    if report.verdict == "fail":
        return f"Not ready for {report.target}: {counted(report.summary.errors, f'{new}error')}"
    # what is known may hold errors, so this is no word on the data
    ready = f"No new error for {report.target}" if report.known else f"Ready for {report.target}"
    if report.summary.warnings:
        return f"{ready}, with {counted(report.summary.warnings, f'{new}warning')} to look at"
    return ready


def _sentence(report: LintReport) -> Iterator[Inside]:
    where = f"{counted(total_rows(report), 'row')} in {counted(len(report.files), 'file')}"
    model = f" of {printable(report.model)}" if report.model else ""
    yield f"{where} were checked for {report.target}, method {report.method}{model}: {summary(report)}. "
    if report.verdict == "fail":
        yield "An error is what the target refuses, or what makes it train on something else than was meant."
    elif report.known:
        yield "What is known from the baseline was accepted before and is not judged again; it can still be refused."
    else:
        yield "Nothing was found that the target refuses."


def _cost(report: LintReport) -> Iterator[ET.Element]:
    """What the numbers of the report say about going on regardless; nothing that they do not say."""
    points = []
    statistics = report.statistics
    if statistics is not None and statistics.rows > statistics.valid:
        bad = statistics.rows - statistics.valid
        share = _percent(bad / statistics.rows)
        points.append(f"{bad:,} of {counted(statistics.rows, 'training row')} ({share}) cannot be trained on as meant.")
    if statistics is not None and statistics.tokens and report.summary.errors + report.summary.warnings:
        about = "" if statistics.exact_tokens else "about "
        points.append(
            f"One run reads {about}{statistics.tokens * statistics.epochs:,} tokens: {statistics.tokens:,} in the "
            f"data, {counted(statistics.epochs, 'epoch')} by the vendors' usual rule. A run that fails late, or has to "
            "be repeated on mended data, spends them again."
        )
    repeated = report.facts.get("data.duplicate_share")
    if isinstance(repeated, float) and repeated > 0:
        points.append(
            f"Of the training rows, {_percent(repeated)} are repetitions: they cost like rows and teach nothing new."
        )
    leaked = report.facts.get("data.leakage_rows")
    if isinstance(leaked, int) and leaked > 0:
        points.append(
            f"{counted(leaked, 'validation row')} can be learnt by heart from the training data: the evaluation will "
            "look better than the model is."
        )
    if points:
        yield _section("What it would cost to ignore this", element("ul", *(element("li", one) for one in points)))


def _problems(found: list[Group]) -> Iterator[ET.Element]:
    shown = [group for group in found if group.severity != "info"][:_MOST_PROBLEMS]
    if shown:
        yield _section("What to mend first", *(_problem(group) for group in shown))


def _problem(group: Group) -> ET.Element:
    said = group.documentation
    parts: list[Inside] = [
        element(
            "h3",
            _badge(group.severity),
            f" {group.title or group.rule} ",
            element("small", f"{group.rule}, {counted(group.count, 'finding')}"),
        ),
    ]
    for heading, label in (("What it finds", "What"), ("Why it matters", "Why it matters")):
        if heading in said:
            parts += [element("h4", label), prose(said[heading])]
    places = [(location(one), _code(one.pointer), printable(one.message)) for one in group.findings[:_MOST_PLACES]]
    parts.append(table(f"Where {group.rule} was found", ("place", "inside the row", "finding"), places))
    if group.count > len(places):
        parts.append(element("p", f"and {group.count - len(places):,} more."))
    if "Instead" in said:
        summary_ = element("summary", "A wrong row, and the right one instead")
        wrong, right = (element("pre", element("code", said[name])) for name in ("Example", "Instead"))
        parts.append(element("details", summary_, element("h4", "Wrong"), wrong, element("h4", "Instead"), right))
    return element("article", *parts)


def _all_rules(report: LintReport, found: list[Group]) -> Iterator[ET.Element]:
    inside: list[Inside] = []
    if found:
        kinds = zip(SEVERITIES, (report.summary.errors, report.summary.warnings, report.summary.infos), strict=True)
        bars = [Bar(f"{name}s", count, name) for name, count in kinds]
        inside.append(
            chart("Findings by severity", f"{summary(report).capitalize()}.", bars, of="severity", counts="findings")
        )
        rows = [(group.rule, _badge(group.severity), group.title, f"{group.count:,}") for group in found]
        inside.append(
            table("Every rule that found something", ("rule", "severity", "what", "findings"), rows, numbers=(3,))
        )
    if report.known:
        rows_known = [(rule, f"{count:,}") for rule, count in report.known.items()]
        inside.append(
            table(
                "Known from the baseline, and not held against the data", ("rule", "findings"), rows_known, numbers=(1,)
            )
        )
    if report.suppressed:
        inside.append(element("p", f"{suppressed(report)}."))
    if inside:
        yield _section("All findings", *inside)


def _charts(report: LintReport) -> Iterator[ET.Element]:
    drawn = list(distributions(report.statistics)) if report.statistics is not None else []
    if drawn:
        yield _section("How the training rows look", *drawn)


def _mend(report: LintReport, found: list[Group]) -> Iterator[ET.Element]:
    if not found:
        return
    safe = [group.rule for group in found if any(one.fix == "safe" for one in group.findings)]
    unsafe = [group.rule for group in found if any(one.fix == "unsafe" for one in group.findings)]
    steps: list[list[Inside]] = []
    command = f"tunegate lint FILE --target {report.target} --fix"
    if safe:
        steps.append([f"Without any loss of meaning, for {', '.join(safe)}: ", element("code", f"{command} -o MENDED")])
    if unsafe:
        steps.append([
            f"After a look, because something is dropped or guessed, for {', '.join(unsafe)}: ",
            element("code", f"{command} --unsafe-fixes -o MENDED"),
        ])  # fmt: skip
    steps.append(
        ["What each rule means and how to mend it by hand: ", element("code", f"tunegate explain {found[0].rule}")]
    )
    steps.append(["Then check again. No file is changed in place: a fix writes a new one and says what it did."])
    yield _section("How to mend it", element("ol", *(element("li", *step) for step in steps)))


def _files(report: LintReport) -> Iterator[ET.Element]:
    rows = [
        (printable(file.path), file.role, f"{file.rows:,}", size(file.bytes), element("code", file.sha256))
        for file in report.files
    ]
    head = ("file", "role", "rows", "size", "sha256")
    yield _section("What was checked", table("The files, by their content", head, rows, numbers=(2, 3)))


def _not_scanned(report: LintReport) -> Iterator[ET.Element]:
    if report.not_scanned:
        items = (element("li", element("strong", one.what), f": {one.why}") for one in report.not_scanned)
        yield _section("What was not checked", element("ul", *items))


def _section(heading: str, *inside: Inside) -> ET.Element:
    return element("section", element("h2", heading), *inside)


def _badge(severity: str) -> ET.Element:
    return element("span", severity, class_=f"badge {severity}")


def _code(pointer: str | None) -> Inside:
    return element("code", printable(pointer)) if pointer else ""


def _percent(share: float) -> str:
    """Whole percents, never rounded to nothing or to everything."""
    if 0 < share < 0.01:
        return "less than 1 %"
    return f"{min(99, round(share * 100)) if share < 1 else 100} %"
