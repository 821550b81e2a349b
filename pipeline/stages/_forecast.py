"""dry=true: what stage=simulate would make, and what it would take, going by what of this run is already there."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from pipeline import store
from pipeline.engines._progress import span
from pipeline.stages import Run
from pipeline.stages._layout import Plan
from pipeline.stages._log import latest
from pipeline.stages._shards import shard_of
from pipeline.stages._units import Unit
from pipeline.stages.simulate import units

SAMPLE = 400
"""Finished units that are looked at, at most."""


@dataclass(frozen=True)
class _Cost:
    """What one unit takes."""

    cpu_seconds: float
    wall_seconds: float
    size: int
    """On the disk [bytes]."""


def forecast(run: Run) -> list[str]:
    """Lines about the plan; nothing is written."""
    asked = units(run)
    mine = asked[shard_of(run).slice(len(asked))]
    groups, todo = Counter[str](), Counter[str]()
    for plan, every in mine:
        groups[_group(plan)] += 1
        todo[_group(plan)] += sum(not store.is_complete(one.folder, one.key, one.manifest) for one in every)
    of = f", shard {run.shard} of {len(asked)}" if run.shard else ""
    count = len(mine) * (run.redraws + 1)
    lines = [
        f"run {run.run}: {len(mine)} clips{of}, {run.redraws} re-draws each: {count} to be made in all, "
        f"{count - todo.total()} of them done, {todo.total()} to do",
        "clips: " + ", ".join(f"{group} {count}" for group, count in sorted(groups.items())),
    ]
    # Other shards' clips are a sample as good as this one's own.
    sample = _sample(run, ((_group(plan), unit) for plan, every in asked for unit in every))
    return lines + (_estimate(run, +todo, sample) if sample else _unknown(run))


def _group(plan: Plan) -> str:
    """Scenes that cost about the same: story and material."""
    return plan.clip_id.rpartition("-")[0]


def _sample(run: Run, flat: Iterable[tuple[str, Unit]]) -> dict[str, list[_Cost]]:
    """What finished units of each group took."""
    rows = latest(run.folder, "simulate")
    known = [(group, unit) for group, unit in flat if unit.name in rows and not rows[unit.name]["error"]]
    found: dict[str, list[_Cost]] = defaultdict(list)
    for group, unit in known[:: max(1, len(known) // SAMPLE)]:
        if store.is_complete(unit.folder, unit.key, unit.manifest):
            sizes = store.read_json(unit.folder / unit.manifest)["sizes"]
            row = rows[unit.name]
            found[group].append(_Cost(row["cpu_seconds"], row["wall_seconds"], sum(sizes.values())))
    return found


def _estimate(run: Run, counts: Counter[str], sample: dict[str, list[_Cost]]) -> list[str]:
    """Of so many units of each group."""
    every = [cost for costs in sample.values() for cost in costs]

    def total(what: str) -> float:
        means = {group: mean(getattr(one, what) for one in sample.get(group, every)) for group in counts}
        return float(sum(count * means[group] for group, count in counts.items()))

    hours, wall, size = total("cpu_seconds") / 3600, total("wall_seconds"), total("size")
    each = ", ".join(f"{group} {mean(one.cpu_seconds for one in sample[group]):.1f} s" for group in sorted(sample))
    lines = [f"sample: {len(every)} done in this run; CPU time each: {each}"]
    if strange := sorted(set(counts) - set(sample)):
        lines.append(f"no sample of {', '.join(strange)}: taken for the mean of the others")
    at_once = run.engine.at_once
    took = f"{span(wall / at_once)} with {at_once} at a time" if at_once else f"{span(wall)} divided by the workers"
    lines.append(f"time: {hours:.2f} CPU hours, {took}, as fast as the sample was made")
    lines.append(f"disk: {size / 1e9:.2f} GB{_room(run, size)}")
    cost = (
        f"{hours * run.price:.2f} at price={run.price:g} a CPU hour"
        if run.price
        else "unknown: set price= (a CPU hour)"
    )
    return [*lines, f"cost: {cost}"]


def _room(run: Run, size: float) -> str:
    """How that compares with what is free."""
    folder = next(path for path in (run.folder, *run.folder.absolute().parents) if Path(path).is_dir())
    free = shutil.disk_usage(folder).free
    return f" of {free / 1e9:.1f} GB free" + (": NOT ENOUGH" if size > free else "")


def _unknown(run: Run) -> list[str]:
    return [
        "time, disk, cost: unknown, because nothing of this run has been made; its first clips are a sample: "
        f"the same with clips={min(run.clips, 12)} and without dry=true, then this again"
    ]
