"""Where things lie in a run folder, and which clips a run has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import materials, shelf, store
from pipeline.materials import Material
from pipeline.scenarios import Scenario
from pipeline.stages import Run
from pipeline.stages._lazy import Lazy

PLAN = "plan.json"
"""What the stages asked for: clips with their keys and settings, answers, opinions."""
ASKED = "asked.json"
"""Of a study: the key of what it is to do, and the names of its cells."""
ROW = "row.json"
"""What came of a study's cell, written last."""
OF_CLIPS = ("seed", "clips", "redraws", "height", "width", "fps", "num_frames", "quick")
"""Settings that belong to the clips of a run: later stages take them from there, whatever they are called with."""


def as_made(run: Run) -> Run:
    """The run with the settings that its clips were made with, if there are any yet; a training keeps its own seed."""
    path = run.folder / PLAN
    made = store.read_json(path).get("made", {}) if path.exists() else {}
    kept = {name: made[name] for name in OF_CLIPS if name in made and (name, run.stage) != ("seed", "train")}
    return replace(run, **kept)


def planned(run: Run, entry: str, remedy: str) -> Any:
    """An entry of plan.json. Raises ValueError with a remedy if it is not there."""
    path = run.folder / PLAN
    found = store.read_json(path).get(entry) if path.exists() else None
    if found is None:
        raise ValueError(f"run '{run.run}': expected {entry} in {run.folder}, got none: {remedy}")
    return found


@dataclass(frozen=True, eq=False)
class Plan:
    """One scene that the run asks for."""

    clip_id: str
    seed: int
    material: Material
    scenario: Scenario


def plans(run: Run) -> Lazy[Plan]:
    """The run's scenes; number i depends on the run's seed and on i only. Stories take turns, and within each story
    its materials."""
    stories = list(run.stories.items())
    palettes = {
        story: [run.material] if run.material else [_material(name) for name in scenario.palette or scenario.materials]
        for story, scenario in stories
    }

    def plan(number: int) -> Plan:
        story, scenario = stories[number % len(stories)]
        palette = palettes[story]
        material = palette[number // len(stories) % len(palette)]
        seed = int(np.random.SeedSequence(run.seed, spawn_key=(number,)).generate_state(1)[0])
        clip_id = f"{story}-{shelf.name(material)}-{number:05d}"
        return Plan(clip_id, seed, material, scenario)

    return Lazy(plan, range(run.clips))


def _material(name: str) -> Material:
    return shelf.find(materials, Material, name)()  # type: ignore[type-abstract]


def clip_folder(run: Run, clip_id: str, draw: int = 0) -> Path:
    """Truth clips lie in clips/, their re-draws in redraws/."""
    return run.folder / "clips" / clip_id if draw == 0 else run.folder / "redraws" / f"{clip_id}__r{draw}"


def answer_folder(run: Run, model: str, clip_id: str, sample: int) -> Path:
    """What a model made of a clip's prompt."""
    return run.folder / "generated" / model / f"{clip_id}__s{sample}"


def null_folder(run: Run, clip_id: str) -> Path:
    """The flow of a truth clip, and the scores of its re-draws."""
    return run.folder / "scores" / "truth" / clip_id


def score_folder(run: Run, model: str, clip_id: str, sample: int) -> Path:
    """The scores of one answer."""
    return run.folder / "scores" / model / f"{clip_id}__s{sample}"


@dataclass(frozen=True)
class Truth:
    """A truth clip of the run and those of its re-draws that are complete."""

    clip_id: str
    folder: Path
    key: str
    redraws: tuple[tuple[Path, str], ...]
    """Folder and key of each."""


def truths(run: Run) -> list[Truth]:
    """The complete truth clips of the run, as its plan.json lists them.

    Raises ValueError if nothing has been simulated in this run.
    """
    found = []
    for row in planned(run, "clips", "start with stage=simulate"):
        folders = _folders(run, row)
        complete = [pair for pair in folders if store.is_complete(*pair, store.CLIP)]
        if complete and complete[0] == folders[0]:
            found.append(Truth(row["clip_id"], *folders[0], tuple(complete[1:])))
    return found


def lost(run: Run) -> dict[str, str]:
    """Truth clips and re-draws that the plan lists and that are not there: name -> what to do."""
    rows = planned(run, "clips", "start with stage=simulate")
    asked = [pair for row in rows for pair in _folders(run, row)]
    missing = [folder.name for folder, key in asked if not store.is_complete(folder, key, store.CLIP)]
    return dict.fromkeys(missing, "missing or damaged: run stage=simulate")


def _folders(run: Run, row: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Folder and key of a clip and of its re-draws."""
    return [(clip_folder(run, row["clip_id"], draw), key) for draw, key in enumerate(row["keys"])]


@dataclass(frozen=True)
class Answer:
    """A model's answer to a truth clip's prompt, as it was asked for."""

    model: str
    clip_id: str
    sample: int
    folder: Path
    key: str
    truth: str
    """Key of the truth clip whose prompt it answers."""
    complete: bool


def answers(run: Run) -> list[Answer]:
    """All answers that stage=generate asked for in this run, made or not.

    Raises ValueError if nothing has been generated in this run.
    """
    rows = planned(run, "answers", "run stage=generate first")
    found = []
    for row in rows:
        folder = answer_folder(run, row["model"], row["clip_id"], row["sample"])
        found.append(
            Answer(
                **{"truth": "", **row, "folder": folder, "complete": store.is_complete(folder, row["key"], store.CLIP)}
            )
        )
    return found


def prompted(run: Run) -> int:
    """How many frames the models of the run were given: what stage=generate was called with, if it was."""
    path = run.folder / PLAN
    return int(store.read_json(path).get("prompt_frames", run.prompt_frames)) if path.exists() else run.prompt_frames


def opinions(run: Run) -> dict[Path, str]:
    """Folder -> key of everything that stage=score has said of the run as it is now."""
    path = run.folder / PLAN
    rows = store.read_json(path).get("opinions", {}) if path.exists() else {}
    found = {run.folder / name: key for name, key in rows.items()}
    return {folder: key for folder, key in found.items() if store.is_complete(folder, key)}


def checks_folder(run: Run, clip_id: str) -> Path:
    """What curation measured of a truth clip."""
    return run.folder / "checks" / clip_id
