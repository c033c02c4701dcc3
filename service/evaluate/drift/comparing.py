"""Two tallies of data compared, feature by feature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from service.evaluate.drift.effects import Draws, Effect, deciles, ks, psi, share_difference
from service.evaluate.drift.judged import Found
from service.evaluate.drift.reading import Reading
from service.evaluate.drift.rules import DriftRules
from service.evaluate.drift.tally import LABEL_CHARACTERS, Tally
from service.evaluate.drift.vocabulary import told_by_words
from service.lint.distributions import quantile
from service.records.drift import NotCompared

# categories that are compared by themselves; all others together are one more
_MOST_CATEGORIES = 20
# from this share of short answers on they are taken for classes
_LABELLED = 0.5
# an answer that so many sampled rows of a side have is a frequent one
_FREQUENT = 5
_LANGUAGE_ROWS = 1_000
_UNCOUNTED = "no encoder counts them here; characters are compared"


class Features(NamedTuple):
    """What there is to compare, each given how its interval is drawn, and what is not compared."""

    found: list[Found]
    left_out: list[NotCompared]


def features(before: Tally, after: Tally, rules: DriftRules, reading: Reading, *, languages: bool) -> Features:
    """What both sides have something of."""
    counted = reading.counter is not None
    made: list[Found | NotCompared | None] = [
        _numbers("characters", before.characters, after.characters),
        _numbers("tokens", before.tokens, after.tokens) if counted else NotCompared("tokens", _UNCOUNTED),
        _numbers("answer_characters", before.answer_characters, after.answer_characters),
        _numbers("messages", before.messages, after.messages),
        _numbers("tools", before.tools, after.tools),
        _categories("roles", before.roles, after.roles, named=True),
        _categories("shape", before.shapes, after.shapes, named=True),
        _labels(before, after),
        _frequent(before, after),
        _called(before, after),
        _refusals(before, after),
        _vocabulary(before, after, rules),
        _languages(before, after) if languages else NotCompared("language", "not asked for (--languages)"),
    ]
    return Features(
        [one for one in made if isinstance(one, Found)], [one for one in made if isinstance(one, NotCompared)]
    )


def _vocabulary(before: Tally, after: Tally, rules: DriftRules) -> Found:
    texts = [[tally.sample.rows[rank].text for rank in sorted(tally.sample.rows)] for tally in (before, after)]
    return Found(
        "vocabulary", len(texts[0]), len(texts[1]), lambda draws: told_by_words(texts[0], texts[1], draws),
        fewest=rules.fewest_rows_of_words,
    )  # fmt: skip


def _numbers(name: str, before: Counter[int], after: Counter[int]) -> Found | None:
    if not before and not after:
        return None
    return Found(
        name, before.total(), after.total(), lambda draws: ks(before, after, draws), _described(before),
        _described(after), lambda draws: psi(*deciles(before, after), draws),
    )  # fmt: skip


def _described(found: Counter[int]) -> dict[str, float]:
    if not found:
        return {}
    mean = sum(value * rows for value, rows in found.items()) / found.total()
    return {"mean": round(mean, 3), **{f"p{share}": quantile(found, share / 100) for share in (5, 50, 95)}}


def _categories(name: str, before: Mapping[Any, int], after: Mapping[Any, int], *, named: bool) -> Found | None:
    """`named` categories are words of ours, told with their shares; of others only how many."""
    if not before and not after:
        return None
    both = Counter(before)
    both.update(after)
    ordered = sorted(both, key=lambda one: (-both[one], str(one)))
    kept, rest = ordered[:_MOST_CATEGORIES], ordered[_MOST_CATEGORIES:]
    sides = [[side.get(one, 0) for one in kept] + [sum(side.get(one, 0) for one in rest)] for side in (before, after)]
    rows = [sum(side) for side in sides]
    said: list[dict[str, float]] = []
    for side, total, held in zip(sides, rows, (before, after), strict=True):
        if named:
            shares = {str(one): round(count / max(1, total), 6) for one, count in zip(kept, side, strict=False)}
            said.append({one: share for one, share in shares.items() if share})
        else:
            largest = round(max(held.values(), default=0) / max(1, total), 6)
            said.append({"different": sum(1 for count in held.values() if count), "largest_share": largest})
    return Found(name, rows[0], rows[1], lambda draws: psi(sides[0], sides[1], draws), said[0], said[1])


def _labels(before: Tally, after: Tally) -> Found | NotCompared | None:
    """Classes, or short answers where most answers are such."""
    shares = [tally.labels.counts.total() / max(1, tally.rows) for tally in (before, after)]
    if before.labels.more or after.labels.more:
        return NotCompared("labels", f"more different answers of up to {LABEL_CHARACTERS} characters than labels are")
    if max(shares) < _LABELLED:
        return NotCompared(
            "labels", f"most answers are longer than {LABEL_CHARACTERS} characters, and no row has a class"
        )
    sides = [Counter[int](tally.labels.counts) for tally in (before, after)]
    for side, tally in zip(sides, (before, after), strict=True):
        # rows without a label are a category of their own
        side[0] = max(0, tally.rows - side.total())
    return _categories("labels", sides[0], sides[1], named=False)


def _frequent(before: Tally, after: Tally) -> Found | NotCompared:
    """Answers that stand again and again in the samples; all others are one category."""
    sides = [
        Counter(one.answer_hash for one in tally.sample.rows.values() if one.answer_hash) for tally in (before, after)
    ]
    frequent = {answer for side in sides for answer, rows in side.items() if rows >= _FREQUENT}
    if not frequent:
        return NotCompared("frequent answers", f"no answer stands in {_FREQUENT} of the sampled rows of a side")
    kept = [{answer: side[answer] for answer in frequent} for side in sides]
    for few, side in zip(kept, sides, strict=True):
        few[0] = side.total() - sum(few.values())
    made = _categories("frequent_answers", kept[0], kept[1], named=False)
    assert made is not None
    return made


def _called(before: Tally, after: Tally) -> Found | NotCompared | None:
    if before.called.more or after.called.more:
        return NotCompared("called tools", "more different sets of tools than are counted")
    return _categories("called_tools", before.called.counts, after.called.counts, named=False)


def _refusals(before: Tally, after: Tally) -> Found | None:
    sides = [(tally.refusals, tally.answered) for tally in (before, after)]
    if not all(rows for _, rows in sides):
        return None
    said = [{"share": round(hits / rows, 6)} for hits, rows in sides]

    def effect(draws: Draws) -> Effect:
        return share_difference(sides[0], sides[1], draws)

    return Found("refusals", sides[0][1], sides[1][1], effect, said[0], said[1])


def _languages(before: Tally, after: Tally) -> Found | None:
    # its model takes longer to load than a small file to read
    from service.lint.languages import language_of

    sides = []
    for tally in (before, after):
        ranks = sorted(tally.sample.rows)[:_LANGUAGE_ROWS]
        texts = [tally.sample.rows[rank].answer or tally.sample.rows[rank].text for rank in ranks]
        sides.append(Counter(language_of(text) for text in texts if text.strip()))
    return _categories("language", sides[0], sides[1], named=True)
