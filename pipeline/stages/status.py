"""Where a run stands, told from its folder alone: of one that is at work, here or elsewhere, or of one that died."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pipeline import store
from pipeline.engines._progress import span
from pipeline.stages import Run
from pipeline.stages._layout import ASKED, PLAN, ROW, answer_folder, clip_folder
from pipeline.stages._log import latest, logged
from pipeline.stages._pulse import SILENCE, Pulse, pulses

WINDOW = 1800.0
"""The rate is that of so long before the last entry in the log [s]."""
SHOWN = 10
"""Failures and workers that are named."""


def status(run: Run) -> NoReturn:
    """Print where the run stands, changing nothing, and leave.

    Raises ValueError if there is no such run.
    """
    print("\n".join(standing(run)))
    raise SystemExit(0)


def standing(run: Run) -> list[str]:
    """Lines: what was asked for and what of it is there, how fast it goes, who works, what failed."""
    if not run.folder.is_dir():
        raise ValueError(f"run '{run.run}': expected {run.folder}, got no such folder")
    signs = pulses(run.folder)
    lines = [f"run {run.run}: {_command(signs)}"]
    for stage, asked in _asked(run).items():
        lines += _progress(run, stage, asked, at_work=_works(signs))
    return [*lines, *_workers(signs)]


def _asked(run: Run) -> dict[str, dict[str, Path]]:
    """Stage -> the units that plan.json, or a study, asks for and the file that each ends with."""
    path = run.folder / PLAN
    plan: Mapping[str, Any] = store.read_json(path) if path.exists() else {}
    clips = [
        clip_folder(run, row["clip_id"], draw) for row in plan.get("clips", ()) for draw in range(len(row["keys"]))
    ]
    answers = [(row["model"], row["clip_id"], row["sample"]) for row in plan.get("answers", ())]
    folders = {f"{one[0]}/{one[1]}__s{one[2]}": answer_folder(run, *one) for one in answers}
    asked = {"simulate": {folder.name: folder for folder in clips}, "generate": folders}
    last = {stage: {name: one / store.CLIP for name, one in units.items()} for stage, units in asked.items()}
    path = run.folder / ASKED
    cells = store.read_json(path)["cells"] if path.exists() else ()
    last["study"] = {name: run.folder / "cells" / name / ROW for name in cells}
    return {stage: units for stage, units in last.items() if units}


def _progress(run: Run, stage: str, asked: Mapping[str, Path], at_work: bool) -> list[str]:
    missing = [name for name, last in asked.items() if not last.exists()]
    rows = latest(run.folder, stage)
    failed = {name: rows[name] for name in missing if rows.get(name, {}).get("error")}
    done = len(asked) - len(missing)
    lines = [f"{stage}: {done} of {len(asked)} done, {len(failed)} failed, {len(missing) - len(failed)} missing"]
    made = [row["cpu_seconds"] for row in rows.values() if not row["error"]]
    rate = _rate(run, stage)
    if made:
        lines.append(f"  {sum(made) / len(made):.1f} CPU seconds each")
    if rate and missing:
        left = f", {span(len(missing) / rate)} left" if at_work else " while it worked"
        lines.append(f"  {3600 * rate:.0f} an hour{left}")
    lines += [f"  failed {name}: {row['error']}" for name, row in list(failed.items())[:SHOWN]]
    if len(failed) > SHOWN:
        lines.append(f"  ... and {len(failed) - SHOWN} more: log.jsonl names them")
    return lines


def _rate(run: Run, stage: str) -> float:
    """Units a second, all shards together, since the first recent one was begun; 0 if none was made."""
    rows = [row for row in logged(run.folder) if row["stage"] == stage and not row["error"]]
    ended = max((row["time"] for row in rows), default=0.0)
    recent = [row for row in rows if row["time"] > ended - WINDOW]
    passed = ended - min((row["time"] - row["wall_seconds"] for row in recent), default=ended)
    return len(recent) / passed if passed else 0.0


def _works(signs: list[Pulse]) -> bool:
    return any(one.who.startswith("command") and not one.ended and one.age < SILENCE for one in signs)


def _command(signs: list[Pulse]) -> str:
    """What has become of the commands that work, or worked, in the folder."""
    commands = [one for one in signs if one.who.startswith("command")]
    living = [one for one in commands if not one.ended and one.age < SILENCE]
    if living:
        named = [f"{one.who.removeprefix('command ')}{_of(one)} ({one.doing})" for one in living[:SHOWN]]
        return f"{len(living)} command{'s' * (len(living) > 1)} at work: {', '.join(named)}"
    if not commands:
        return "nobody at work, no sign of anybody"
    last = commands[0]
    told = "ended" if last.ended else "died; the same command goes on from here; its last sign of life was"
    return f"nobody at work; the last command{_of(last)} {told} {span(last.age)} ago"


def _of(sign: Pulse) -> str:
    return f" shard {sign.shard}" if sign.shard else ""


def _workers(signs: list[Pulse]) -> list[str]:
    """The workers' last signs of life."""
    workers = [one for one in signs if not one.who.startswith("command")]
    lines = []
    for one in workers[:SHOWN]:
        doing = f"at {one.doing}" if one.doing else "between two units"
        lost = " - dead, or its disk is gone" if one.doing and one.age > SILENCE else ""
        lines.append(f"worker {one.who}{_of(one)}: {span(one.age)} ago, {doing}{lost}")
    return lines + ([f"... and {len(workers) - SHOWN} more workers"] if len(workers) > SHOWN else [])
