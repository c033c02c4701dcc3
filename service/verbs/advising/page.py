"""advise, as a document: Markdown, and the same as one HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from service.records.decision import Decision
from service.verbs.advising.text import Words, answer_text, change_text, why_not
from service.verbs.rendering.pages import cell, html_document


def markdown(decision: Decision, words: Words | None = None) -> str:
    """Everything that the record holds."""
    return "\n".join(_sections(decision, words or Words())) + "\n"


def html(decision: Decision, words: Words | None = None, *, language: str = "en") -> str:
    """The document as a page that needs nothing else."""
    say = words or Words()
    title = f"{say('decision')} {decision.id[:12]}: {answer_text(decision.answer, say)}"
    return html_document(title, markdown(decision, say), language=language)


def _sections(decision: Decision, say: Words) -> Iterator[str]:
    yield f"# {answer_text(decision.answer, say)}"
    yield ""
    yield f"{say('decision')} `{decision.id}`, {decision.made_at}, {say('rules')} `{decision.rules_revision[:12]}`, "
    yield f"{say('edition')} {decision.edition}."
    if decision.unknown:
        yield from _table(
            say("missing"), (say("fact"), say("question")), [(f"`{u.fact}`", u.ask) for u in decision.unknown]
        )
    why = [(one.rule, one.why, ", ".join(one.cite)) for one in decision.because]
    yield from _table(say("because"), (say("rule"), say("why"), say("sources")), why)
    told = [(one.says, f"`{one.record[:12]}`") for one in decision.evidence]
    yield from _table(say("measured"), (say("conclusion"), say("evaluation")), told)
    passed = [(say(one.option), why_not(one, say)) for one in decision.rejected]
    yield from _table(say("passed over"), (say("option"), say("why not")), passed)
    yield from _list(say("what would change it"), (change_text(one, say) for one in decision.would_change))
    warned = [(say(one.severity), one.rule, one.text) for one in decision.cautions]
    yield from _table(say("cautions"), (say("severity"), say("rule"), say("caution")), warned)
    cells = [
        (one.scenario, one.technique, *one.values.values(), say("yes") if one.changes_answer else say("no"))
        for one in decision.editions_disagree
    ]
    if cells:
        names = decision.editions_disagree[0].values
        yield from _table(
            say("editions disagree"), (say("scenario"), say("technique"), *names, say("changes the answer")), cells
        )
    models = [(f"`{m.id}`", "; ".join(m.reasons), "; ".join(m.warnings), m.limits or "") for m in decision.models]
    yield from _table(say("base models"), (say("model"), say("reasons"), say("warnings"), say("limits")), models)
    facts = [(f"`{one.name}`", say.value(one.name, one.value), one.source) for one in decision.facts]
    yield from _table(say("facts"), (say("fact"), say("value"), say("from")), facts)
    stale = [(one.rule, one.review_by, one.text) for one in decision.stale]
    yield from _table(say("stale"), (say("rule"), say("review by"), ""), stale)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"## {title}"
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(cell(one) for one in row)} |" for row in rows)


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    found = list(items)
    if found:
        yield from ("", f"## {title}", "")
        yield from (f"- {one}" for one in found)
