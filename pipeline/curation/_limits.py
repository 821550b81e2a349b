"""How many clips of a kind there is room for, and who gets it: cell by cell in turn, in each cell the best first."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.curation._candidate import Candidate
from pipeline.curation._names import Pattern
from pipeline.curation._splits import chance


@dataclass(frozen=True)
class Admission:
    """Who is in, in the order in which they got in; and everybody's reason."""

    inside: tuple[Candidate, ...]
    reasons: Mapping[str, str]


def by_cell(ranked: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """The clips of every cell of scenario x material, in their order."""
    cells: dict[str, list[Candidate]] = defaultdict(list)
    for one in ranked:
        cells[one.cell].append(one)
    return dict(cells)


def shares(cells: Collection[str], exponent: float, seed: int) -> dict[str, float]:
    """Share of each cell by Zipf's law: the k-th in proportion to 1 / k^exponent, in an order that the seed deals; they
    sum to 1."""
    dealt = sorted(cells, key=lambda cell: (chance(f"{seed}/{cell}"), cell))
    parts = {cell: float(number) ** -exponent for number, cell in enumerate(dealt, start=1)}
    whole = sum(parts.values())
    return {cell: part / whole for cell, part in parts.items()}


def in_turn(
    cells: Mapping[str, Sequence[Candidate]],
    wanted: Mapping[str, float],
    admit: Callable[[Candidate], bool] = lambda one: True,
) -> Iterator[Candidate]:
    """The clips that `admit` lets in, in an order whose every beginning holds the cells in the ratio of the wanted
    shares, as far as their clips last; of equal cells the first in `wanted` begins. `admit` is asked once a clip."""
    waiting = {cell: iter(clips) for cell, clips in cells.items()}
    turns = [(1.0 / wanted[cell], place, cell, 1) for place, cell in enumerate(wanted) if cell in cells]
    heapq.heapify(turns)
    while turns:
        _, place, cell, number = heapq.heappop(turns)
        chosen = next((one for one in waiting[cell] if admit(one)), None)
        if chosen is not None:
            heapq.heappush(turns, ((number + 1) / wanted[cell], place, cell, number + 1))
            yield chosen


def admit(ranked: Sequence[Candidate], per_cell: int, quotas: Mapping[Pattern, int], total: int | None) -> Admission:
    """Let clips in as long as every limit that they fall under has room: `per_cell` clips of a cell, so many of each
    quota's group (of scenario/material/grade), `total` in all. The first in `ranked` come first in their cells."""
    cells, taken = by_cell(ranked), Counter[str]()
    rank = {one.clip_id: f"rank {n} of {len(clips)}" for clips in cells.values() for n, one in enumerate(clips, 1)}
    reasons: dict[str, str] = {}

    def limits(one: Candidate) -> dict[str, int]:
        """Of the cell, of the quotas' groups, of all: name -> most."""
        names = (one.scenario, one.material, one.grade)
        found = {one.cell: per_cell}
        for pattern, most in quotas.items():
            if group := pattern.group(names):
                found[f"quota {group}"] = min(most, found.get(f"quota {group}", most))
        return found if total is None else {**found, "total": total}

    def fits(one: Candidate) -> bool:
        asked = limits(one)
        full = next((name for name, most in asked.items() if taken[name] >= most), None)
        if full is not None:
            cell = "" if full == one.cell else f", {full}"
            reasons[one.clip_id] = f"{one.cell}: {rank[one.clip_id]}{cell}: all {asked[full]} places are taken"
            return False
        taken.update(asked.keys())
        places = "; ".join(f"{name}: place {taken[name]} of {most}" for name, most in asked.items())
        reasons[one.clip_id] = f"{rank[one.clip_id]} in {places}"
        return True

    return Admission(tuple(in_turn(cells, shares(cells, 0.0, 0), fits)), reasons)


def balanced(ranked: Sequence[Candidate], ratio: float, floor: int) -> int:
    """Most clips of a cell: `ratio` times those of the rarest, but at least `floor`."""
    rarest = min((len(clips) for clips in by_cell(ranked).values()), default=0)
    return max(floor, int(ratio * rarest))


def mixed(cells: Mapping[str, Sequence[Candidate]], wanted: Mapping[str, float]) -> dict[str, int]:
    """Clips of each cell in the largest set that has these shares, rounded down but at least 1."""
    size = min((len(clips) / wanted[cell] for cell, clips in cells.items()), default=0.0)
    return {cell: max(1, int(size * wanted[cell] + 1e-9)) for cell in cells}
