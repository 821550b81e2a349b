"""What is shown to whom.

All of it follows from the run's seed and the reviewer's id: the order, which side of a pair is left, which items come
back as hidden repeats. Which items two people review follows from the seed alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.review import Review
from pipeline.review.decisions import Decision

GAP = 8
"""A repeat comes back after at least so many other items, or half the queue where that is shorter."""


@dataclass(frozen=True)
class FlowFile:
    """Where a clip's flow lies."""

    path: Path
    """A .npz file."""
    array: str
    """Name of its array, shape (T, H, W, 2)."""
    steps_per_pixel: float = 1.0


@dataclass(frozen=True)
class Shown:
    """One clip that can be looked at."""

    clip_id: str
    source: str
    """'truth' or the model that made it."""
    sample: int
    hash: str
    """SHA-256 of its rgb.mkv."""
    folder: Path
    fps: float
    num_frames: int
    size: tuple[int, int]
    """Height, width [px]."""
    caption: str = ""
    opinion: Path | None = None
    """File of what the judge said of it."""
    flow: FlowFile | None = None

    @property
    def clip(self) -> tuple[str, str, int, str]:
        """Which clip it is, as decisions name it."""
        return (self.clip_id, self.source, self.sample, self.hash)


@dataclass(frozen=True)
class Item:
    """What is shown at once: one clip, or a pair (the truth first)."""

    sides: tuple[Shown, ...]

    @property
    def kind(self) -> str:
        """truth, generated or pair."""
        return "pair" if len(self.sides) == 2 else "truth" if self.sides[0].source == "truth" else "generated"

    @cached_property
    def id(self) -> str:
        """The same for everybody; nothing can be read off it."""
        return digest("item", *(part for side in self.sides for part in side.clip))


@dataclass(frozen=True)
class Task:
    """One showing of an item to one reviewer."""

    id: str
    """Different for every reviewer and showing; nothing can be read off it."""
    item: Item
    swapped: bool
    """The second of a pair is on the left."""
    showing: int
    """0, or 1 for a hidden repeat."""

    @property
    def sides(self) -> dict[str, Shown]:
        """Side -> clip, in the order in which they stand."""
        clips = self.item.sides[::-1] if self.swapped else self.item.sides
        return dict(zip(("left", "right") if len(clips) == 2 else ("only",), clips, strict=True))


def items(truths: Sequence[Shown], answers: Sequence[Shown], show: Sequence[str]) -> list[Item]:
    """Everything that the settings ask for, once. Raises ValueError if there is nothing to show."""
    by_id = {one.clip_id: one for one in truths}
    found: list[Item] = []
    for kind in dict.fromkeys(show or (["pairs"] if answers else ["truth"])):
        if kind == "truth":
            found += [Item((one,)) for one in truths]
        elif kind == "generated":
            found += [Item((one,)) for one in answers]
        else:
            found += [Item((by_id[one.clip_id], one)) for one in answers if one.clip_id in by_id]
    if not found:
        raise ValueError(
            f"review.show: expected clips of {', '.join(show) or 'the run'}, got none; "
            "make them with stage=simulate and stage=generate, or look at the truth alone with review.show=[truth]"
        )
    return found


def wanted(items: Sequence[Item], seed: int, review: Review) -> dict[str, int]:
    """Item id -> how many people are to review it, 1 or 2."""
    ranked = sorted(items, key=lambda item: digest("double", seed, item.id))
    twice = {item.id for item in ranked[: math.ceil(review.double * len(items))]}
    return {item.id: 2 if item.id in twice else 1 for item in items}


def tasks(items: Sequence[Item], reviewer: str, seed: int, review: Review) -> list[Task]:
    """A reviewer's whole queue in order, hidden repeats included."""
    rng = np.random.default_rng([seed, int(digest("reviewer", reviewer), 16)])
    order = [items[place] for place in rng.permutation(len(items))]
    swapped = dict(zip((item.id for item in order), (rng.random(len(order)) < 0.5).tolist(), strict=True))
    queue = [(float(place), item, 0) for place, item in enumerate(order)]
    gap = min(GAP, len(order) // 2)
    again = math.ceil(review.repeats * len(order)) if gap else 0
    first = rng.permutation(max(len(order) - gap, 0))[:again]
    for place in sorted(first.tolist()):
        queue.append((float(rng.integers(place + gap, len(order))) + 0.5, order[place], 1))
    return [
        Task(digest("task", seed, reviewer, item.id, showing), item, swapped[item.id] != bool(showing), showing)
        for _, item, showing in sorted(queue, key=lambda entry: (entry[0], entry[1].id))
    ]


@dataclass(frozen=True)
class State:
    """How a reviewer's queue stands."""

    open: list[Task]
    """Still to be done, in order."""
    done: int
    """Tasks that are decided (or skipped) on all sides."""
    verdicts: dict[tuple[str, str], Decision]
    """(Task id, side) -> this reviewer's latest decision that stands."""

    @property
    def total(self) -> int:
        """Tasks of this reviewer, as far as can be told: what others have done meanwhile is left out."""
        return self.done + len(self.open)


def state(queue: Iterable[Task], reviewer: str, decisions: Iterable[Decision], people: dict[str, int]) -> State:
    """Which of the reviewer's tasks are open; `people` is what `wanted` says, `decisions` are those that stand.

    An item that enough others have reviewed is left out, and so is the repeat of one that this reviewer did not judge.
    """
    mine: dict[tuple[str, str], Decision] = {}
    others: dict[str, set[str]] = {}
    for one in decisions:
        if one.act == "decide" and one.reviewer == reviewer:
            mine[one.task, one.side] = one
        elif one.act == "decide" and one.verdict != "skip":
            others.setdefault(one.item, set()).add(one.reviewer)
    open_: list[Task] = []
    done: list[Task] = []
    comes_back = {one.item for one in mine.values() if one.verdict != "skip" and one.showing == 0}
    for task in queue:
        begun = [(task.id, side) in mine for side in task.sides]
        if all(begun):
            done.append(task)
        elif any(begun) or _is_due(task, comes_back, len(others.get(task.item.id, ())) < people[task.item.id]):
            open_.append(task)
            comes_back.add(task.item.id)
    return State(open_, len(done), mine)


def _is_due(task: Task, comes_back: set[str], needs_people: bool) -> bool:
    """A repeat is due from the beginning, if its first showing is: a queue that grew would give it away."""
    return task.item.id in comes_back if task.showing else needs_people


def digest(*parts: object) -> str:
    """16 hexadecimal digits that stand for the parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]
