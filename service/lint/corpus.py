"""What several files taken together say: the facts that corpus and split checks look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from service.lint.check import CorpusFacts, SplitFacts
from service.lint.tally import Tally
from service.records.lint_report import Bin, Statistics

# the cookbook's heuristic: three epochs, more for few rows and fewer for many, within 25 and 1
_EPOCHS, _FEWEST_ROWS, _MOST_ROWS, _MOST_EPOCHS = 3, 100, 25_000, 25
# mean lengths beyond this ratio are said to differ
_RATIO = 2.0
_LARGEST = 10


def corpus_facts(tallies: Sequence[Tally], limits: dict[str, int]) -> CorpusFacts:
    """The facts of several files taken together."""
    answers = sum((tally.answers for tally in tallies), Counter[int]())
    systems = sum((tally.systems for tally in tallies), Counter[int]())
    valid = sum(tally.valid for tally in tallies)
    return CorpusFacts(
        rows=sum(tally.rows for tally in tallies),
        valid=valid,
        shapes=dict(sum((tally.shapes for tally in tallies), Counter[str]())),
        duplicates=_duplicates(tallies),
        without_system=sum(tally.without_system for tally in tallies),
        limits=limits,
        with_images=sum(tally.with_images for tally in tallies),
        tokens=sum(length * count for tally in tallies for length, count in tally.tokens.items()),
        epochs=epochs(valid),
        answers=sum(answers.values()),
        most_common_answer=max(answers.values(), default=0),
        short_answers=sum(tally.short_answers for tally in tallies),
        refusals=sum(tally.refusals for tally in tallies),
        longest_turns=max((tally.longest_turns for tally in tallies), default=0),
        label_sizes=_labels(tallies),
        system_sizes=sorted(systems.values(), reverse=True),
        conflicts=_conflicts(tallies),
        preferred_bytes=sum(tally.preferred_bytes for tally in tallies),
        other_bytes=sum(tally.other_bytes for tally in tallies),
        swapped=[pair for tally in tallies for pair in tally.swapped],
        field_sets=len({names for tally in tallies for names in tally.field_sets}),
        references=len({one for tally in tallies for one in tally.references}),
    )


def split_facts(train: Sequence[Tally], held_out: Sequence[Tally], *, same_file: bool) -> SplitFacts:
    """Training against validation."""
    rows = {digest for tally in train for digest in tally.first_lines}
    prompts = {digest for tally in train for digest in tally.prompts}
    same_rows = [(t.path, line) for t in held_out for digest, line in t.first_lines.items() if digest in rows]
    same_prompts = [(t.path, line) for t in held_out for digest, (line, _) in t.prompts.items() if digest in prompts]
    known = set(same_rows)
    return SplitFacts(
        has_validation=bool(held_out),
        same_file=same_file,
        same_rows=same_rows,
        same_prompts=[one for one in same_prompts if one not in known],
        differences=_differences(train, held_out),
    )


def statistics(tallies: Sequence[Tally], facts: CorpusFacts) -> Statistics:
    """The distributions of the training rows."""
    lengths = sum((tally.tokens for tally in tallies), Counter[int]())
    turns = sum((tally.turns for tally in tallies), Counter[int]())
    return Statistics(
        rows=facts.rows,
        valid=facts.valid,
        tokens=facts.tokens,
        epochs=facts.epochs,
        lengths=_bins(lengths),
        turns={str(count): rows for count, rows in sorted(turns.items())},
        shapes=dict(sorted(facts.shapes.items())),
        system_prompts=facts.system_sizes[:_LARGEST],
        labels=facts.label_sizes,
    )


def _bins(lengths: Counter[int]) -> list[Bin]:
    """Bins of powers of two from the shortest to the longest row."""
    found = Counter({(length.bit_length()): 0 for length in lengths})
    for length, rows in lengths.items():
        found[length.bit_length()] += rows
    if not found:
        return []
    places = range(min(found), max(found) + 1)
    return [Bin((1 << place) >> 1, (1 << place) - 1, found[place]) for place in places]


def epochs(rows: int) -> int:
    """Epochs by the cookbook's heuristic for a number of rows."""
    if rows <= 0:
        return _EPOCHS
    if _EPOCHS * rows < _FEWEST_ROWS:
        return min(_MOST_EPOCHS, _FEWEST_ROWS // rows)
    if _EPOCHS * rows > _MOST_ROWS:
        return max(1, _MOST_ROWS // rows)
    return _EPOCHS


def _duplicates(tallies: Sequence[Tally]) -> list[tuple[str, int, int]]:
    found = [one for tally in tallies for one in tally.duplicates]
    seen: dict[int, int] = {}
    for tally in tallies:
        for digest, line in tally.first_lines.items():
            if digest in seen:
                found.append((tally.path, line, seen[digest]))
            else:
                seen[digest] = line
    return sorted(found)


def _conflicts(tallies: Sequence[Tally]) -> list[tuple[str, int, int]]:
    found = [one for tally in tallies for one in tally.conflicts]
    seen: dict[int, tuple[int, int]] = {}
    for tally in tallies:
        for digest, (line, said) in tally.prompts.items():
            first = seen.setdefault(digest, (line, said))
            if first[1] != said:
                found.append((tally.path, line, first[0]))
    return sorted(found)


def _labels(tallies: Sequence[Tally]) -> list[int]:
    """Sizes of the classes; none when any file has long or many different answers."""
    labels: Counter[int] = Counter()
    for tally in tallies:
        if tally.labels is None:
            return []
        labels += tally.labels
    return sorted(labels.values())


def _differences(train: Sequence[Tally], held_out: Sequence[Tally]) -> list[str]:
    found = []
    sizes = [_mean_tokens(tallies) for tallies in (train, held_out)]
    if all(sizes) and not 1 / _RATIO <= sizes[0] / sizes[1] <= _RATIO:
        found.append("length")
    systems = [{one for tally in tallies for one in tally.systems} for tallies in (train, held_out)]
    if train and held_out and (systems[1] - systems[0] or bool(systems[0]) != bool(systems[1])):
        found.append("system messages")
    return found


def _mean_tokens(tallies: Sequence[Tally]) -> float:
    count = sum(sum(tally.tokens.values()) for tally in tallies)
    total = sum(length * times for tally in tallies for length, times in tally.tokens.items())
    return total / count if count else 0.0
