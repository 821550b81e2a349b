"""How far apart are re-draws of one scene, and how far different scenes? For the threshold of near-duplicates.

PYTHONPATH=. python benchmarks/likeness.py RUN [RUN ...]     folders of runs with re-draws
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import store
from pipeline.curation import Curation, describe
from pipeline.curation._likeness import distances

PERCENTILES = (0, 1, 50, 95, 99, 100)


@dataclass(frozen=True)
class Shown:
    scene: str
    cell: str
    likeness: list[float]
    seconds: float


def shown(folder: Path) -> Shown:
    clip, scene = store.load_clip(folder), store.load_scene(folder)
    begun = time.process_time()
    likeness = describe(clip)
    cell = f"{scene.scenario}/{scene.material}"
    return Shown(f"{scene.scenario} {scene.seed} {clip.frames.shape}", cell, likeness, time.process_time() - begun)


def main(runs: list[Path]) -> None:
    folders = [path.parent for run in runs for kind in ("clips", "redraws") for path in run.glob(f"{kind}/*/clip.json")]
    clips = [shown(folder) for folder in sorted(folders)]
    apart = distances(*2 * (np.array([one.likeness for one in clips]),))
    scene, cell = (np.array([getattr(one, name) for one in clips]) for name in ("scene", "cell"))
    once = np.triu(np.ones(apart.shape, bool), 1)
    same, alike = (names[:, None] == names[None] for names in (scene, cell))
    seconds, threshold = sum(one.seconds for one in clips) / len(clips), Curation().min_distance
    print(f"{len(clips)} clips of {len(set(scene))} scenes, {seconds:.3f} CPU s each")
    print(f"distances: percentiles {PERCENTILES}, share below {threshold}")
    for name, pairs in (("one scene", same), ("one cell", alike & ~same), ("other cells", ~alike)):
        found = apart[once & pairs]
        told = " ".join(f"{value:.4f}" for value in np.percentile(found, PERCENTILES))
        print(f"{name:12} {len(found):7} pairs: {told}, {(found < threshold).mean():.3%}")


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]])
