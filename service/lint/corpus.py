"""What several files taken together say: the facts that corpus and split checks look at."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import msgspec

from service.lint.affixes import Affixes
from service.lint.check import CorpusFacts, Pairs, PersonalFacts, Place, Retyped, SharedGroups, SplitFacts
from service.lint.columns import Column, mixed, shown
from service.lint.distributions import added, bins, epochs, mean
from service.lint.diversity import AnswerSample, Diversity, DiversityLimits, diversity
from service.lint.firsts import Firsts
from service.lint.groups import Groups, merged
from service.lint.joined import joined_keys, joined_sketches
from service.lint.languages import LanguageCounts, LanguageSample
from service.lint.near_pairs import Near, near_pairs
from service.lint.overlap import Found, overlap
from service.lint.partial import MOST_TOOL_SETS, Partial
from service.lint.personal import PrivacyScan
from service.lint.personal_counts import PersonalCounts
from service.lint.personal_facts import merged_counts, personal_facts
from service.lint.row_groups import Grouped, Shared, shared
from service.records.lint_report import Role, Statistics

# mean lengths beyond this ratio are said to differ
_RATIO = 2.0
_LARGEST = 10


class Part(msgspec.Struct, frozen=True):
    """One file as it was read."""

    path: str
    role: Role
    sha256: str
    partial: Partial

    @property
    def grouped(self) -> Grouped:
        return self.role, self.partial.groups, self.partial.lines


class Corpus:
    """All files of a report, training before validation."""

    def __init__(
        self,
        parts: Sequence[Part],
        most: int,
        *,
        limits: dict[str, int],
        counted: bool,
        diversity_limits: DiversityLimits,
        privacy: PrivacyScan | None = None,
    ) -> None:
        self._limits = limits
        self._diversity_limits = diversity_limits
        self._most = most
        self._counted = counted
        self.parts = sorted(parts, key=lambda part: part.role != "train")
        self.training = [part.partial for part in parts if part.role == "train"]
        self.held_out = [part.partial for part in parts if part.role == "validation"]
        self._ends = list(accumulate(part.partial.lines for part in self.parts))
        self._personal = PersonalFacts()
        if privacy is not None:
            self._personal = personal_facts(self.training, privacy, limits, most, self._place)
        keys = joined_keys([part.partial for part in self.parts], sum(partial.lines for partial in self.training))
        self._overlap = overlap(keys, most)
        sketches = joined_sketches([part.partial for part in self.parts])
        self._near, self._near_leaks = near_pairs(sketches.lines, sketches.marks, keys, most)

    @cached_property
    def facts(self) -> CorpusFacts:
        """The facts of the training files taken together."""
        training, found = self.training, self._overlap
        valid = sum(partial.valid for partial in training)
        lengths = self.lengths()
        languages = self._languages()
        turns = added(partial.turns for partial in training)
        return CorpusFacts(
            rows=sum(partial.rows for partial in training),
            valid=valid,
            shapes=dict(added(partial.shapes for partial in training)),
            duplicates=self._pairs(found.duplicates),
            conflicts=self._pairs(found.conflicts),
            swapped=self._pairs(found.swapped),
            without_system=sum(partial.without_system for partial in training),
            limits=self._limits,
            with_images=sum(partial.with_images for partial in training),
            tokens=sum(length * rows for length, rows in lengths.items()),
            longest=max(lengths, default=0),
            counted=self._counted,
            epochs=epochs(valid),
            answers=sum(partial.spoken for partial in training),
            most_common_answer=found.most_common_answer,
            short_answers=sum(partial.short_answers for partial in training),
            refusals=sum(partial.refusals for partial in training),
            longest_turns=max(turns, default=0),
            label_sizes=sorted(self._groups("labels").sizes()),
            system_sizes=self._groups("systems").sizes(),
            systems=self._groups("systems").different(),
            preferred_bytes=sum(partial.preferred_bytes for partial in training),
            other_bytes=sum(partial.other_bytes for partial in training),
            field_sets=self._groups("field_sets").different(),
            references=self._groups("references").different(),
            lengths=dict(lengths),
            common_affixes=self._common_affixes(),
            system_heavy=sum(partial.system_heavy for partial in training),
            tool_sets=self._tool_sets(),
            label_kinds=dict(added(partial.label_kinds for partial in training)),
            near=self._near_pairs(self._near),
            languages=languages,
            personal=self._personal,
            other_language=None if languages.first is None else self._place(languages.first),
            retyped=self._retyped(),
            diversity=self._diversity(),
            diversity_limits=self._diversity_limits,
            first_of_shape=self._firsts("shaped", "train") or {},
            first_of_label_type=self._firsts("label_types", "train") or {},
            spread=sum(partial.spread for partial in training),
        )

    @cached_property
    def split(self) -> SplitFacts:
        """Training against validation."""
        hashes = {role: {part.sha256 for part in self.parts if part.role == role} for role in ("train", "validation")}
        return SplitFacts(
            has_validation=bool(self.held_out),
            same_file=bool(hashes["train"] & hashes["validation"]),
            same_rows=self._pairs(self._overlap.same_rows),
            same_prompts=self._pairs(self._overlap.same_prompts),
            differences=self._differences(),
            near=self._near_pairs(self._near_leaks),
            unseen_labels=self._unseen_labels(),
            shared=[
                self._shared(one) for one in shared([(p.role, p.partial.groups, p.partial.lines) for p in self.parts])
            ],
            rows=self._rows(),
        )

    def _rows(self) -> tuple[int, int]:
        """Training and validation rows, 0 where rows stand on several lines and were not counted."""
        both = (self.training, self.held_out)
        training, held_out = (0 if any(one.spread for one in all_) else sum(one.rows for one in all_) for all_ in both)
        return training, held_out

    def lengths(self) -> Counter[int]:
        """Tokens of a training row -> rows."""
        return added(partial.tokens for partial in self.training)

    def approximate(self) -> int:
        """Training rows with tools, calls or images, which are counted as the text they are written as."""
        return sum(partial.approximate for partial in self.training)

    def _diversity(self) -> Diversity | None:
        whole = AnswerSample()
        for partial in self.training:
            whole.merge(partial.sample)
        return diversity(whole.texts())

    def personal(self) -> PersonalCounts:
        """What the privacy scan counted in all files."""
        return merged_counts([part.partial for part in self.parts])

    def _languages(self) -> LanguageCounts:
        sample, lines = LanguageSample(), 0
        for partial in self.training:
            sample.merge(partial.languages, lines)
            lines += partial.lines
        return sample.counts()

    def statistics(self) -> Statistics:
        """The distributions of the training rows."""
        facts = self.facts
        turns = added(partial.turns for partial in self.training)
        return Statistics(
            rows=facts.rows,
            valid=facts.valid,
            tokens=facts.tokens,
            exact_tokens=facts.counted and not self.approximate(),
            epochs=facts.epochs,
            lengths=bins(self.lengths()),
            turns={str(count): rows for count, rows in sorted(turns.items())},
            shapes=dict(sorted(facts.shapes.items())),
            system_prompts=facts.system_sizes[:_LARGEST],
            labels=facts.label_sizes,
            languages=facts.languages.rows,
            personal=dict(sorted(self.personal().entities.items())),
        )

    def _common_affixes(self) -> tuple[int, int]:
        whole = Affixes()
        for partial in self.training:
            whole.merge(partial.affixes)
        return whole.lengths

    def _tool_sets(self) -> int:
        """System messages with several lists of tools; to come without tools in some rows is a list of its own."""
        systems: Groups[int] = self._groups("systems")
        pairs: Groups[tuple[int, int]] = merged((partial.tool_sets for partial in self.training), MOST_TOOL_SETS)
        lists, rows = Counter[int](), Counter[int]()
        for (system, _), count in pairs.counts.items():
            lists[system] += 1
            rows[system] += count
        return sum(known > 1 or 0 < rows[system] < systems.counts.get(system, 0) for system, known in lists.items())

    def _unseen_labels(self) -> list[Place]:
        """Where labels of validation rows come first that no training row has; none where no training row has any."""
        firsts = self._firsts("labelled")
        seen = {label for partial in self.training for label in partial.labelled.lines}
        if not seen or firsts is None:
            return []
        return [place for label, place in firsts.items() if label not in seen]

    def _retyped(self) -> list[Retyped]:
        """Columns of rows that are each of one type, and not of the same."""
        firsts: dict[tuple[Column, str], Place] = self._firsts("columns", "train") or {}
        kinds: dict[Column, list[str]] = {}
        for column, name in firsts:
            kinds.setdefault(column, []).append(name)
        outer = mixed({column: set(names) for column, names in kinds.items()})
        return [
            Retyped(shown(column), kinds[column][0], name, firsts[column, kinds[column][0]], place)
            for (column, name), place in firsts.items()
            if column in outer and name != kinds[column][0]
        ]

    def _firsts(self, name: str, *roles: Role) -> dict[Any, Place] | None:
        """Value -> its first place in the files of some roles (none named: all), in that order; None if too many."""
        found: dict[Any, Place] = {}
        for part in self.parts:
            if roles and part.role not in roles:
                continue
            firsts: Firsts[Any] = getattr(part.partial, name)
            if firsts.more:
                return None
            # two values of one line in an order of their own, whatever came first to be added
            for value, line in sorted(firsts.lines.items(), key=lambda one: (one[1], str(one[0]))):
                found.setdefault(value, Place(part.path, line))
        return found

    def _groups(self, name: str) -> Groups[int]:
        groups: list[Groups[int]] = [getattr(partial, name) for partial in self.training]
        return merged(groups, groups[0].most if groups else 0)

    def _shared(self, found: Shared) -> SharedGroups:
        pairs = self._pairs(Found(found.pairs[: self._most or None], len(found.pairs)))
        return SharedGroups(found.key, pairs, found.compared, found.complete)

    def _pairs(self, found: Found) -> Pairs:
        return Pairs([(self._place(line), self._place(earlier)) for line, earlier in found.pairs], found.total)

    def _near_pairs(self, found: Near) -> Pairs:
        places = [(self._place(line), self._place(earlier)) for line, earlier, _ in found.pairs]
        return Pairs(places, found.total, [share for *_, share in found.pairs])

    def _place(self, line: int) -> Place:
        part = bisect_right(self._ends, line)
        before = self._ends[part - 1] if part else 0
        return Place(self.parts[part].path, line - before + 1)

    def _differences(self) -> list[str]:
        found = []
        sizes = [mean(added(partial.tokens for partial in partials)) for partials in (self.training, self.held_out)]
        if all(sizes) and not 1 / _RATIO <= sizes[0] / sizes[1] <= _RATIO:
            found.append("length")
        systems = [
            {one for partial in partials for one in partial.systems.counts}
            for partials in (self.training, self.held_out)
        ]
        counted = not any(partial.systems.more for partial in (*self.training, *self.held_out))
        both = counted and all(any(one.rows for one in files) for files in (self.training, self.held_out))
        if both and (systems[1] - systems[0] or bool(systems[0]) != bool(systems[1])):
            found.append("system messages")
        return found
