"""advise, rendered: the decision on one screen, or as Markdown."""

from __future__ import annotations

from service.records.decision import Answer, Decision, FactValue


def text(decision: Decision) -> str:
    """One screen: the answer, why, what was passed over, what would change it, what is still to be asked."""
    lines = [f"decision {decision.id[:12]} (rules {decision.rules_revision[:12]}, edition {decision.edition})"]
    lines.append(f"  {answer_text(decision.answer)}")
    lines += [f"  because {one.rule}: {one.why} [{', '.join(one.cite)}]" for one in decision.because]
    for one in decision.rejected:
        failed = f" ({one.failed_on.fact} is {shown(one.failed_on.value)})" if one.failed_on else ""
        lines.append(f"  not {one.option}: {one.rule}{failed}")
    for change in decision.would_change:
        then = answer_text(change.answer) if change.answer else "more would have to be asked"
        lines.append(f"  {change.fact} = {shown(change.nearest)} would change it: {then}")
    lines += [f"  caution ({one.severity}) {one.rule}: {one.text}" for one in decision.cautions]
    for disagreement in decision.editions_disagree:
        values = ", ".join(f"{edition}: {value}" for edition, value in disagreement.values.items())
        lines.append(f"  editions disagree on {disagreement.technique} for {disagreement.scenario}: {values}")
    lines += [f"  stale {one.rule}: {one.text}" for one in decision.stale]
    lines += [f"  missing {one.fact}: {one.ask}" for one in decision.unknown]
    return "\n".join(lines)


def markdown(decision: Decision) -> str:
    """The same as a document."""
    head, answer, *rest = text(decision).splitlines()
    return "\n".join([f"## {head}", "", f"**{answer.strip()}**", "", *(f"- {line.strip()}" for line in rest), ""])


def answer_text(answer: Answer | None) -> str:
    """The answer in words."""
    if answer is None:
        return "no answer yet: facts are missing"
    parts = [answer.step, answer.technique, answer.target and f"on {answer.target}"]
    sharding = answer.sharding if answer.sharding not in {None, "none"} else None
    return ", ".join(part for part in [*parts, sharding] if part)


def shown(value: FactValue) -> str:
    """A fact's value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
