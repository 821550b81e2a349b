"""One review as the routes need it: what there is to see, who sees what, and the log."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from pipeline.review import Review, check_reviewer
from pipeline.review.decisions import Log
from pipeline.review.queue import Item, Shown, State, Task, digest, state, tasks, wanted

_REMEMBERED = 32
"""Reviewers whose queues are kept in memory; others' are made again when they ask."""


class Room:
    """A review as the routes need it: what there is to see, who sees what, and the log."""

    def __init__(self, run: str, found: Sequence[Item], log: Log, seed: int, review: Review, reviewer: str) -> None:
        self.run, self.items, self.log, self.seed, self.review, self.reviewer = run, found, log, seed, review, reviewer
        self.people = wanted(found, seed, review)
        self.clips = {digest("clip", seed, *one.clip): one for item in found for one in item.sides}
        self._queues: OrderedDict[str, tuple[list[Task], dict[str, Task]]] = OrderedDict()
        self._guard = threading.Lock()

    def queue(self, reviewer: str) -> tuple[list[Task], dict[str, Task]]:
        """The reviewer's tasks in order, and by id. Raises ValueError for what is no reviewer's id."""
        check_reviewer(reviewer)
        with self._guard:
            if reviewer not in self._queues:
                queue = tasks(self.items, reviewer, self.seed, self.review)
                self._queues[reviewer] = queue, {task.id: task for task in queue}
                if len(self._queues) > _REMEMBERED:
                    self._queues.popitem(last=False)
            self._queues.move_to_end(reviewer)
            return self._queues[reviewer]

    def state(self, reviewer: str) -> State:
        """How the reviewer's queue stands."""
        return state(self.queue(reviewer)[0], reviewer, self.log.standing(), self.people)

    def task(self, reviewer: str, task: str) -> Task:
        """One task of the reviewer. Raises LookupError if there is none of that id."""
        known = self.queue(reviewer)[1]
        if task not in known:
            raise LookupError("there is no such task")
        return known[task]

    def side(self, reviewer: str, task: str, side: str) -> Shown:
        """One clip of a task. Raises LookupError as `task` does."""
        sides = self.task(reviewer, task).sides
        if side not in sides:
            raise LookupError("there is no such side")
        return sides[side]

    def told(self, task: Task, standing: State) -> dict[str, Any]:
        """A task as the page may know it."""
        sides = []
        for side, shown in task.sides.items():
            said = standing.verdicts.get((task.id, side))
            entry = {"side": side, "fps": shown.fps, "frames": shown.num_frames, "height": shown.size[0]}
            entry |= {"width": shown.size[1], "verdict": said.verdict if said else ""}
            if not self.review.blind:
                entry |= {"name": named(shown), "flow": shown.flow is not None, "scores": shown.opinion is not None}
            sides.append(entry)
        return {"task": task.id, "caption": task.item.sides[0].caption, "sides": sides}


def named(shown: Shown) -> str:
    """A clip in words, for a review that is not blind."""
    return f"{shown.clip_id} / {shown.source}" + (f" / sample {shown.sample}" if shown.sample else "")
