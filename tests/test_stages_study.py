"""A study: killed twice it loses nothing; made by shards; what it refuses."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import ROOT

from pipeline import app, store
from pipeline.passing import tally
from pipeline.stages._grid import BASE
from pipeline.stages._layout import ROW
from pipeline.stages._rehearsal import rehearsed
from pipeline.stages._study_samples import outcomes
from pipeline.stages._study_words import PATH
from pipeline.stages._walk import walk
from pipeline.stages.status import standing
from pipeline.stages.study import study
from pipeline.training import Footage

TINY = (
    "stage=study", "experiment=study_quick", "run=tiny", "height=48", "width=48", "num_frames=9", "redraws=1",
    "allow_unvalidated=true", "metrics=[mask_iou]", "flow=farneback", "training.steps=1", "training.batch=1",
    "training.crop=32", "study.sizes=[1,2]", "study.seeds=[0]", "study.models={tiny: ['model.widths=[8,8]']}",
    "study.arms={curated: ['training.rehearsal=base'], random: ['curation.choose=random']}",
    "study.base=['seed=1','clips=1','redraws=0','material=none']",
    "study.pool=['seed=2','clips=3','redraws=0','material=none']",
    "study.tests={seen: ['seed=3','clips=1','material=none'], far: ['seed=4','clips=1','material=none']}",
    "study.sampling.wanted=2", "study.sampling.cap=3", "study.sampling.scenes=1",
)  # fmt: skip
CELLS_IN_ORDER = [f"{arm}-{size}-tiny-0" for size in (1, 2) for arm in ("curated", "random")]
CELLS = set(CELLS_IN_ORDER)


def finished(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob(f"cells/*/{ROW}")}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[Path, int]]]:
    """A study that was killed twice, once a cell was finished and once the next was; what was finished each time."""
    outputs = tmp_path_factory.mktemp("studies")
    line = [sys.executable, "-m", "pipeline", *TINY, f"outputs={outputs}"]
    seen = []
    for wanted in (1, 2, len(CELLS)):
        process = subprocess.Popen(line, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True)
        while wanted < len(CELLS) and len(finished(outputs / "tiny")) < wanted:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.02)
        if wanted < len(CELLS):
            os.kill(process.pid, signal.SIGKILL)
        _, told = process.communicate(timeout=300)
        assert wanted < len(CELLS) or process.returncode == 0, told
        seen.append(finished(outputs / "tiny"))
    return outputs / "tiny", seen


def test_a_study_killed_twice_goes_on_and_loses_no_finished_cell(killed: tuple[Path, list[dict[Path, int]]]) -> None:
    folder, (first, second, last) = killed
    assert 1 <= len(first) < len(second) < len(last) == len(CELLS)
    assert first.items() <= second.items() <= last.items()
    assert {path.parent.name for path in last} == CELLS
    told = store.read_json(folder / "summary.json")
    assert told["stages"]["study"]["done"] == len(CELLS)
    assert told["stages"]["study"]["failures"] == {}
    assert told["stages"]["study"]["cpu_seconds"] > 0


def test_every_cell_is_asked_all_tests_and_stands_in_the_table(killed: tuple[Path, list[dict[Path, int]]]) -> None:
    folder, _ = killed
    table = pq.read_table(folder / "study.parquet").to_pylist()
    cells = [row for row in table if row["kind"] == "cell"]
    assert {(f"{row['arm']}-{row['size']}-{row['model']}-{row['seed']}", row["test"]) for row in cells} == {
        (cell, test) for cell in CELLS for test in ("seen", "far")
    }
    assert all(row["clips"] == row["size"] for row in cells)
    assert {row["arm"] for row in table} == {"curated", "random", BASE, "copy_last", "extrapolate", "truth"}
    assert all(math.isfinite(row[PATH]) for row in table)
    clips = pq.read_table(folder / "study_clips.parquet").to_pylist()
    assert len(clips) == len(table)  # one clip a test
    assert all(row["pass_rough"] in (0, 1) for row in clips)


def test_scenes_are_simulated_once_and_borrowed_unharmed(killed: tuple[Path, list[dict[Path, int]]]) -> None:
    folder, _ = killed
    real = [path for path in folder.rglob("layers.npz") if "dataset" not in path.parts]
    assert len(real) == 1 + 3 + 2 * 2  # base, pool, both tests with their re-draw
    assert not any(path.is_symlink() for path in (folder / "tests").rglob("*"))
    borrowed = folder / "cells" / "curated-1-tiny-0" / "tests" / "seen"
    assert (borrowed / "clips").is_symlink()
    assert store.verify(next((borrowed / "clips").iterdir()), store.CLIP) == []
    opinions = store.read_json(borrowed / "plan.json")["opinions"]
    assert all(store.is_complete(borrowed / name, key) for name, key in opinions.items())


def test_the_base_is_where_cells_begin_and_what_is_rehearsed(killed: tuple[Path, list[dict[Path, int]]]) -> None:
    folder, _ = killed
    base = folder / "bases" / "tiny" / "training" / "next_frame" / "weights.safetensors"
    origins = {
        cell: store.read_json(folder / "cells" / cell / "training" / "next_frame" / "origin.json") for cell in CELLS
    }
    assert base.exists()
    assert origins["curated-1-tiny-0"]["training"]["rehearsal"] == str(folder / BASE)
    assert origins["curated-1-tiny-0"]["clips"] == 1
    assert origins["random-1-tiny-0"]["training"]["rehearsal"] == ""


def test_scenes_are_sampled_until_enough_pass(killed: tuple[Path, list[dict[Path, int]]]) -> None:
    folder, _ = killed
    samples = pq.read_table(folder / "study_samples.parquet").to_pylist()
    assert [(f"{row['arm']}-{row['size']}-{row['model']}-{row['seed']}", row["test"]) for row in samples] == [
        (cell, test) for cell in CELLS_IN_ORDER for test in ("seen", "far")
    ]
    assert all(tally(outcomes(row["strains"]), 2, 3).samples in (2, 3) for row in samples)
    assert all(row["parameters"] > 0 for row in samples)
    kept = sorted(folder.glob("cells/*/passes/*/*.json"))
    assert len(kept) == len(samples)
    first = store.read_json(folder / "cells" / "curated-1-tiny-0" / "passes" / "seen" / kept[0].name)
    assert first["strains"] == samples[0]["strains"]


def test_the_page_says_what_was_found(killed: tuple[Path, list[dict[Path, int]]]) -> None:
    folder, _ = killed
    page = (folder / "study.html").read_text()
    told = store.read_json(folder / "summary.json")["study"]
    assert "QUICK RUN" in page
    sentences = [*(one for some in told["findings"] for one in some["sentences"]), *told["limits"]]
    assert all(one in page for one in sentences)
    assert "Pass rates with resolution" in page
    assert page.count("data:image") == 2 * (1 + 1 + 2)  # each test: truth, base, two arms
    assert 'src="http' not in page


def test_a_cell_is_the_same_whatever_was_trained_before_it(tmp_path: Path) -> None:
    words = [
        *TINY, f"outputs={tmp_path}", "study.base=[]", "study.arms.curated=[]", "~study.arms.random",
        "~study.tests.far", "study.pool=['seed=2','clips=1','redraws=0','material=none']",
    ]  # fmt: skip
    assert walk(app.compose(words), "", partial(app.more, words)) == 0
    # There is one clip, and so two cells of 1 and of 2 clips are the same training.
    weights = [
        (tmp_path / "tiny" / "cells" / f"curated-{size}-tiny-0").glob("training/*/*.safetensors") for size in (1, 2)
    ]
    first, second = (next(some).read_bytes() for some in weights)
    assert first == second


def test_shards_at_the_same_time_make_the_whole_study(tmp_path: Path) -> None:
    words = [*TINY, f"outputs={tmp_path}", "study.base=[]", "study.arms.curated=[]", "~study.tests.far"]
    line = [sys.executable, "-m", "pipeline", *words]
    commands = [
        subprocess.Popen([*line, f"shard={number}/2"], cwd=ROOT, stderr=subprocess.PIPE, text=True) for number in (1, 2)
    ]
    told = [command.communicate(timeout=300)[1] for command in commands]
    assert [command.returncode for command in commands] == [0, 0], told
    assert sorted(text.count(": made") for text in told) == [2, 2]
    table = pq.read_table(tmp_path / "tiny" / "study.parquet").to_pylist()
    made = {f"{row['arm']}-{row['size']}-{row['model']}-{row['seed']}" for row in table if row["kind"] == "cell"}
    assert made == CELLS
    stage = store.read_json(tmp_path / "tiny" / "summary.json")["stages"]["study"]
    assert (stage["done"], stage["shards"]) == (len(CELLS), {"of": 2, "seen": [1, 2]})
    other = [*words, "training.steps=2", "shard=1/2"]
    with pytest.raises(ValueError, match=r"shard=1/2: expected the settings that the study in .* was begun with"):
        walk(app.compose(other), "", partial(app.more, other))


def test_a_shard_says_which_cells_are_not_there_yet(tmp_path: Path) -> None:
    words = [
        *TINY, f"outputs={tmp_path}", "study.base=[]", "~study.arms.curated", "~study.tests.far", "shard=2/2",
        "study.pool=['seed=2','clips=2','redraws=0','material=none']",
    ]  # fmt: skip
    assert walk(app.compose(words), "", partial(app.more, words)) == 0
    page = (tmp_path / "tiny" / "study.html").read_text()
    assert "random-1-tiny-0" in page
    assert "not there yet" in page
    assert "study: 1 of 2 done, 0 failed, 1 missing" in standing(app.compose([*words, "stage=status", "shard="]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_rehearsal_has_its_share_of_the_windows(share: float) -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    new = [Footage(frames, weight=weight) for weight in (1.0, 2.0)]
    old = [Footage(frames, weight=weight, position=7) for weight in (1.0, 1.0, 4.0)]
    mixed = rehearsed(new, old, share)
    weights = [one.weight for one in mixed]
    assert sum(weights[2:]) / sum(weights) == pytest.approx(share)
    assert weights[4] == pytest.approx(4 * weights[2])
    assert all(one.position < 0 for one in mixed[2:])
    assert rehearsed(new, [], share) == new
    assert rehearsed(new, old, 0.0) == new


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), r"expected study\.sizes, study\.arms, study\.tests, got none; begin with a preset"),
        (("experiment=study_quick", "study.sizes=[0]"), "expected sizes >= 1"),
        (("experiment=study_quick", "study.sizes=[4,4]"), "expected different ones"),
        (("experiment=study_quick", "+study.arms.base=[]"), "no arm called base"),
        (("experiment=study_quick", "+study.arms.odd=['curation.chose=random']"), "study: .*curation.chose"),
        (("experiment=study_quick", "+study.arms.odd=['training.rehearsal=base']"), "of a study with a base"),
        (("experiment=study_quick", "study.sampling.wanted=1"), "wanted of 0 or at least 2"),
        (("experiment=study_quick", "study.sampling.slack=[0.5]"), "expected factors of at least 1, got"),
        (("experiment=study_quick", "study.sampling.level=hard"), "expected one of rough, fair, strict, got 'hard'"),
        (("experiment=study_quick", "study.sampling.wanted=5", "model.spread=0"), "whose answers differ"),
        (("experiment=study_quick", "model=copy_last"), "expected a model that learns|model.widths"),
    ],
)
def test_what_cannot_be_studied_is_refused_before_anything_is_made(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    asked = ["stage=study", f"outputs={tmp_path}", *words]
    with pytest.raises(ValueError, match=message):
        study(app.compose(asked), partial(app.more, asked))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("preset", ["study_quick", "study_small", "study_gpu", "mend_sand"])
def test_every_preset_can_be_asked_for(preset: str) -> None:
    asked = [f"experiment={preset}", "stage=study", "device=cpu"]
    run = app.compose(asked)
    grid = run.study
    grid.check()
    arms = [word for words in [*grid.arms.values(), *grid.variants.values()] for word in words]
    app.more(asked, [*grid.pool, *grid.base, *arms])
    for words in grid.tests.values():
        app.more(asked, words)
    assert len({cell.name for cell in grid.cells()}) == len(grid.cells())
