"""Asks a person on a terminal for the next missing fact: choices with their meaning, units, and "don't know"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from service.cli.output import say
from service.errors import ErrorItem, TuneGateError
from service.records.decision import Decision
from service.verbs.advising.facts import Question, coerced, question

_DONT_KNOW = {"?", "don't know", "dont know", "unknown", "hindi alam"}


def ask_until_decided(
    decision: Decision, known: dict[str, Any], decide: Callable[[dict[str, Any]], Decision], *, rules: Any, lang: str
) -> Decision:
    """Ask one question at a time; what the person does not know stays unknown, and is not asked again."""
    skipped: set[str] = set()
    while decision.answer is None:
        missing = next((one for one in decision.unknown if one.fact not in skipped), None)
        if missing is None:
            return decision
        asked = question(rules, missing.fact, lang)
        answered = _ask(asked, known, decide)
        if answered is None:
            skipped.add(missing.fact)
        else:
            decision = answered
    return decision


def _ask(asked: Question, known: dict[str, Any], decide: Callable[[dict[str, Any]], Decision]) -> Decision | None:
    """The decision with the reply in it, or None for "don't know"; a reply that cannot be used is asked for again."""
    say(f"\n{asked.ask} [{asked.fact}]")
    for number, (value, meaning) in enumerate(asked.choices, 1):
        say(f"  {number}  {value:<16} {meaning}".rstrip())
    if asked.measured_by:
        say(f"  measured by: {asked.measured_by}")
    say(f"  {asked.allowed}; {asked.dont_know}")
    while True:
        reply = click.prompt(">", prompt_suffix=" ", err=True).strip()
        if reply.lower() in _DONT_KNOW or reply.lower() == asked.dont_know_word:
            return None
        try:
            value = coerced(asked.fact, _chosen(asked, reply))
            answered = decide({**known, asked.fact: value})
        except TuneGateError as error:
            for item in error.errors or [ErrorItem(asked.fact, reply)]:
                _explain(item, error)
            continue
        known[asked.fact] = value
        return answered


def _explain(item: ErrorItem, error: TuneGateError) -> None:
    if error.code == "contradictory_facts":
        say(f"  {item.seen}: {item.allowed}. {item.remedy or ''}".rstrip())
    else:
        say(f"  {item.where}: allowed is {item.allowed or 'another value'}. {item.remedy or ''}".rstrip())


def _chosen(asked: Question, reply: str) -> str:
    """A reply by number is the choice with that number; several are parted by commas."""
    if not asked.choices:
        return reply
    parts = [part.strip() for part in reply.split(",")]
    names = [value for value, _ in asked.choices]
    chosen = [names[int(part) - 1] if part.isdecimal() and 0 < int(part) <= len(names) else part for part in parts]
    return ",".join(chosen)
