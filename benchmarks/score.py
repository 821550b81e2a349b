"""What scoring one clip of 49 frames of 256 x 256 px against the truth costs, and where the time goes.

    python benchmarks/score.py [RUN_FOLDER]

Without a folder, a run of three scenes with one re-draw each is simulated into outputs/bench/score first (some
minutes). Each re-draw is scored as a generated clip is: its flow, every metric, the gate, the judge, with the flow of
the truth known, as it is after the first clip. CPU seconds of this process, single-threaded; the mean over the pairs.
The target is 1.5 CPU seconds a pair. `--profile` adds the functions that take the time.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from pipeline import store
from pipeline.app import compose
from pipeline.metrics import at_scoring_size
from pipeline.stages import Run
from pipeline.stages.score import compare, take_of
from pipeline.types import Clip, Score, Take

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "outputs" / "bench"
SHAPE = ("clips=3", "redraws=1", "height=256", "width=256", "num_frames=49")
TARGET = 1.5

spent: defaultdict[str, float] = defaultdict(float)


@contextmanager
def counted(part: str) -> Iterator[None]:
    start = time.process_time()
    yield
    spent[part] += time.process_time() - start


def score_once(run: Run, truth: Take, original: Clip, clip: Clip) -> None:
    """One generated clip, with everything that stage=score does to it but reading and writing files."""
    with counted("flow of the clip"):
        other = take_of(truth.clip, clip, run.flow)
    with counted("gate"):
        gate = run.judge.gate(original, clip, run.prompt_frames)
    scores: list[Score] = []
    for name, metric in run.metrics.items():
        with counted(f"metric {name}"):
            scores.append(compare(metric, name, truth, other))
    with counted("judge"):
        run.judge.judge(scores, {}, gate, run.prompt_frames)


def main() -> None:
    folders = [Path(word) for word in sys.argv[1:] if not word.startswith("-")]
    folder = folders[0] if folders else FOLDER / "score"
    if not (folder / "plan.json").exists():
        command = [sys.executable, "-m", "pipeline", "stage=simulate", f"outputs={folder.parent}", f"run={folder.name}"]
        subprocess.run([*command, *SHAPE], cwd=ROOT, check=True)
    cv2.setNumThreads(1)
    run = compose([])
    pairs = [(path, folder / "redraws" / f"{path.name}__r1") for path in sorted((folder / "clips").iterdir())]
    profile = cProfile.Profile() if "--profile" in sys.argv else None
    for count, (first, second) in enumerate(pairs):
        clip, other = store.load_clip(first), store.load_clip(second, layers=False)
        if not count:
            run.flow.estimate(Clip("warm", "up", 0, clip.frames[:3], clip.fps))
        with counted("flow of the truth (once a scene)"):
            small = at_scoring_size(clip)
            truth = Take(small, run.flow.estimate(small))
        if profile:
            profile.enable()
        score_once(run, truth, clip, other)
        if profile:
            profile.disable()
    total = sum(seconds for part, seconds in spent.items() if "once a scene" not in part) / len(pairs)
    print(f"{len(pairs)} pairs of {len(clip.frames)} frames of {clip.frames.shape[1]} x {clip.frames.shape[2]} px")
    for part, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{seconds / len(pairs):8.3f} s  {part}")
    print(f"{total:8.3f} s  a pair (target {TARGET})")
    FOLDER.mkdir(parents=True, exist_ok=True)
    parts = {part: round(seconds / len(pairs), 4) for part, seconds in spent.items()}
    (FOLDER / "score.json").write_text(
        json.dumps({"pair": round(total, 4), "target": TARGET, "parts": parts}, indent=1)
    )
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
