"""Parts of a run that are made by separate commands, on one machine or on many, in one folder."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any

from pipeline import store
from pipeline.stages import Run, Tally

SHARDS = "shards"


@dataclass(frozen=True)
class Shard:
    """The `number`th of `of` parts, counted from 1; 1 of 1 is the whole."""

    number: int = 1
    of: int = 1

    @property
    def part(self) -> str:
        """For file names; empty for the whole."""
        return f"{self.number}-of-{self.of}" if self.of > 1 else ""

    def slice(self, count: int) -> slice:
        """Which of `count` items belong to this shard. Neighbours stay together, so that every shard gets its share of
        all stories and materials, which take turns."""
        return slice(*(-(-number * count // self.of) for number in (self.number - 1, self.number)))


def shard_of(run: Run) -> Shard:
    """The part that the run's settings ask for."""
    number, _, of = run.shard.partition("/")
    return Shard(int(number), int(of)) if run.shard else Shard()


def note_shard(run: Run, tally: Tally, spent: dict[str, float]) -> dict[str, Any]:
    """Write down what a shard did, and return the sum over all shards that were seen yet, for summary.json."""
    shard = shard_of(run)
    row = {"done": len(tally.done), "failed": len(tally.failed), **spent, "failures": tally.failed}
    folder = run.folder / SHARDS
    store.write_json(folder / f"{shard.part}.json", {**row, "host": socket.gethostname(), "number": shard.number})
    seen = [store.read_json(path) for path in folder.glob("*.json") if re.fullmatch(rf"\d+-of-{shard.of}", path.stem)]
    total: dict[str, Any] = {name: round(sum(one[name] for one in seen), 3) for name in row if name != "failures"}
    total["failures"] = {name: error for one in seen for name, error in one["failures"].items()}
    return {**total, "shards": {"of": shard.of, "seen": sorted(one["number"] for one in seen)}}
