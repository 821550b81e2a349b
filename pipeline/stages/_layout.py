"""Where things lie in a run folder, and which clips a run has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import materials, shelf, store
from pipeline.materials import Material
from pipeline.stages import Run


@dataclass(frozen=True)
class Plan:
    """One scene that the run asks for."""

    clip_id: str
    seed: int
    material: Material


def plans(run: Run) -> list[Plan]:
    """The run's scenes; number i depends on the run's seed and on i only."""
    palette = [run.material] if run.material else [_material(name) for name in run.scenario.materials]
    found = []
    for number in range(run.clips):
        material = palette[number % len(palette)]
        seed = int(np.random.SeedSequence(run.seed, spawn_key=(number,)).generate_state(1)[0])
        clip_id = f"{shelf.name(run.scenario)}-{shelf.name(material)}-{number:05d}"
        found.append(Plan(clip_id, seed, material))
    return found


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
    path = run.folder / "plan.json"
    if not path.exists():
        raise ValueError(f"run '{run.run}': expected clips in {run.folder}, got none: start with stage=simulate")
    found = []
    for row in store.read_json(path)["clips"]:
        clip_id = row["clip_id"]
        folders = [(clip_folder(run, clip_id, draw), key) for draw, key in enumerate(row["keys"])]
        complete = [pair for pair in folders if store.is_complete(*pair, store.CLIP)]
        if complete and complete[0] == folders[0]:
            found.append(Truth(clip_id, *folders[0], tuple(complete[1:])))
    return found


@dataclass(frozen=True)
class Answer:
    """A model's answer to a truth clip's prompt, as it was asked for."""

    model: str
    clip_id: str
    sample: int
    folder: Path
    key: str
    complete: bool


def answers(run: Run) -> list[Answer]:
    """All answers that stage=generate asked for in this run, made or not.

    Raises ValueError if nothing has been generated in this run.
    """
    path = run.folder / "plan.json"
    rows = store.read_json(path).get("answers") if path.exists() else None
    if rows is None:
        raise ValueError(
            f"run '{run.run}': expected generated clips in {run.folder}, got none: run stage=generate first"
        )
    found = []
    for row in rows:
        folder = answer_folder(run, row["model"], row["clip_id"], row["sample"])
        found.append(Answer(**{**row, "folder": folder, "complete": store.is_complete(folder, row["key"], store.CLIP)}))
    return found


def checks_folder(run: Run, clip_id: str) -> Path:
    """What curation measured of a truth clip."""
    return run.folder / "checks" / clip_id
