"""Boxes of pieces: what is left of a domain when rows are taken out of it, exactly and without a grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

Box = dict[str, frozenset[int]]  # fact -> indices of its pieces


def intersect(box: Box, other: Mapping[str, frozenset[int]]) -> Box | None:
    """What both hold, or None; a fact that a box does not name is unrestricted in it."""
    found = dict(box)
    for name, allowed in other.items():
        common = found[name] & allowed if name in found else allowed
        if not common:
            return None
        found[name] = common
    return found


def subtract(box: Box, cut: Mapping[str, frozenset[int]]) -> Iterator[Box]:
    """Disjoint boxes that make up `box` without `cut`; `box` names every fact that `cut` names."""
    if any(not box[name] & allowed for name, allowed in cut.items()):
        yield box
        return
    rest = box
    for name, allowed in cut.items():
        outside = rest[name] - allowed
        if outside:
            yield {**rest, name: outside}
        rest = {**rest, name: rest[name] & allowed}


def first_regions(whole: Box, rows: Iterable[Mapping[str, frozenset[int]]]) -> Iterator[tuple[Box, int | None]]:
    """(region, number of the row that is the first to match there), then (region, None) for what no row matches."""
    remaining = [whole]
    for number, row in enumerate(rows):
        left: list[Box] = []
        for box in remaining:
            inside = intersect(box, row)
            if inside is None:
                left.append(box)
            else:
                yield inside, number
                left += subtract(box, row)
        remaining = left
    yield from ((box, None) for box in remaining)


def merged(boxes: Iterable[Box]) -> list[Box]:
    """Fewer, larger boxes: neighbours that differ in one fact become one."""
    found = list(boxes)
    changed = True
    while changed:
        changed = False
        for i, one in enumerate(found):
            for j in range(i + 1, len(found)):
                differing = [name for name in one if one[name] != found[j][name]]
                if len(differing) <= 1:
                    name = differing[0] if differing else next(iter(one))
                    found[i] = {**one, name: one[name] | found[j][name]}
                    del found[j]
                    changed = True
                    break
            if changed:
                break
    return found
