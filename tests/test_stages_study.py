"""A study: killed twice it loses nothing; what it says of cells whose truth is known; what it refuses."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import ROOT

from pipeline import app, store
from pipeline.passing import pass_until, tally
from pipeline.stages._grid import BASE, Level, Sampling, Study
from pipeline.stages._layout import ROW
from pipeline.stages._marks import MEASURED, Mark, passed, strain, totals
from pipeline.stages._rehearsal import rehearsed
from pipeline.stages._study_findings import findings, rows
from pipeline.stages._study_passing import pass_rates
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


def mark(arm: str, size: int, seed: int, path: float, test: str = "seen", kind: str = "cell", **other: Any) -> Mark:
    about = {"kind": kind, "arm": arm, "size": size, "clips": size, "model": "m", "seed": seed, "test": test}
    about |= {"clip_id": "c", "grade": "primary", "scenario": "drop", "material": "sand", "samples": 1}
    numbers = dict.fromkeys(MEASURED, path) | {f"pass_{name}": 0.0 for name in Study().levels}
    return {**about, **numbers, **other}


def a_study(**changes: Any) -> Study:
    asked: dict[str, Any] = {
        "sizes": [16, 64, 256],
        "arms": {"curated": [], "random": []},
        "models": {"m": []},
        "tests": {"seen": [], "far": []},
        "base": ["clips=1"],
    }
    return Study(**{**asked, **changes})


def marked(factor: float, noise: float) -> list[Mark]:
    """Error 0.5 N^-0.3 for curated clips, `factor` times that for random ones; the base has 0.4, on 'far' all have."""
    rng = np.random.default_rng(0)
    law = [
        mark(arm, size, seed, by * 0.5 * size**-0.3 * math.exp(noise * rng.normal()))
        for arm, by in (("curated", 1.0), ("random", factor))
        for size in (16, 64, 256)
        for seed in (0, 1, 2)
    ]
    far = [{**one, "test": "far", **dict.fromkeys(MEASURED, 0.4 * math.exp(0.1 * rng.normal()))} for one in law]
    base = [mark(BASE, 0, 0, 0.4, test, BASE) for test in ("seen", "far")]
    return [*law, *far, *base, mark("copy_last", 0, -1, 0.6, kind="baseline")]


def test_the_law_the_change_and_the_better_arm_are_found() -> None:
    found = findings(a_study(), marked(factor=1.5, noise=0.02))
    law = next(
        one for one in found["curves"] if (one["arm"], one["test"], one["measure"]) == ("curated", "seen", PATH)
    )["law"]
    assert law["exponent"] == pytest.approx(0.3, abs=0.03)
    assert law["exponent_interval"][0] < 0.3 < law["exponent_interval"][1]
    assert law["a"] == pytest.approx(0.5, rel=0.1)
    wanted = {"arm": "curated", "size": 256, "test": "seen", "measure": PATH}
    change = next(one for one in found["changes"] if wanted.items() <= one.items())
    assert change["change"] == pytest.approx(0.5 * 256**-0.3 / 0.4 - 1, abs=0.03)
    assert change["low"] < change["change"] < change["high"] < 0
    against = next(one for one in found["arms"] if one["test"] == "seen")
    assert against["change"] == pytest.approx(1 / 1.5 - 1, abs=0.03)
    assert against["high"] < 0


def test_null_results_are_said() -> None:
    found = findings(a_study(), marked(1.0, 0.3))["findings"]
    changed, chosen, falls, passes = (one["sentences"] for one in found)  # nothing about models: there is one
    assert changed[1].startswith("far: the base is 0.400 off")
    assert "no change can be told" in changed[1]
    assert chosen[0].startswith("curated against random: ")
    assert chosen[0].count("no difference can be told") == 2
    assert falls[1].count("more clips are not seen to help") == 2
    arms = "curated 0 (0 to 50) %, random 0 (0 to 50) %"  # no pass in 2 scenes of 3 runs: 1 - 0.025^(1/3) over root 2
    assert passes == [f"primary, fair: {arms}, base 0 (0 to 69) %, copy_last 0 (0 to 98) %."]


def sampled(sizes: Sequence[int], rate: Callable[[int, int], float], cap: int = 200) -> list[dict[str, Any]]:
    """Three scenes of two grades, three runs a size, whose answers pass at `rate`(size, scene), five wanted."""
    rng = np.random.default_rng(1)

    def passes(likely: float, _: int) -> bool:
        return bool(rng.random() < likely)

    about = {"kind": "cell", "arm": "random", "model": "m", "parameters": 1000, "test": "seen", "level": "rough"}
    return [
        {
            **about, "size": size, "clips": size, "seed": seed, "grade": grade, "clip_id": f"{grade}{scene}",
            "strains": [
                0.5 if one else 1.5 for one in pass_until(partial(passes, rate(size, scene)), 5, cap)
            ],
        }
        for grade in ("primary", "kindergarten") for scene in range(3) for size in sizes for seed in range(3)
    ]  # fmt: skip


def test_pass_rates_grow_as_their_law_says_and_the_largest_size_is_foretold() -> None:
    asked = a_study(sizes=[8, 32, 128, 512], arms={"random": []}, sampling=Sampling(wanted=5, cap=200, slack=[1.0]))
    rows_ = sampled(asked.sizes, lambda size, scene: math.exp(-(8 + 4 * scene) * size**-0.4))
    told = pass_rates(asked, rows_)
    assert [one["grade"] for one in told] == ["kindergarten", "primary"]
    for one in told:
        assert one["over"] == "clips"
        assert one["law"]["alpha_interval"][0] < 0.4 < one["law"]["alpha_interval"][1]
        assert one["trend"]["kind"] in ("linear", "undecided")
        assert one["forecast"]["size"] == 512
        assert one["forecast"]["met"]
        truth = np.mean([math.exp(-(8 + 4 * scene) * 512**-0.4) for scene in range(3)])
        assert one["rates"][-1]["low"] < truth < one["rates"][-1]["high"]
        assert len(one["by_scene"]) == 3
    said = findings(asked, marked(1.0, 0.3), rows_)["findings"]
    grows, foretold = (some["sentences"] for some in said[-2:])
    assert grows[0].startswith("kindergarten, random, rough: ")
    assert foretold[0] == "2 of 2 forecasts were met; 95 % should be."


def test_what_never_passes_has_a_bound_and_no_law() -> None:
    asked = a_study(sizes=[8, 32], arms={"random": []}, sampling=Sampling(wanted=5, cap=20, slack=[1.0]))
    [first, _] = pass_rates(asked, sampled(asked.sizes, lambda size, scene: 0.0, cap=20))
    assert first["rates"][0]["mean"] == 0
    assert 0 < first["rates"][0]["high"] < 0.2
    assert "3 scenes never passed" in first["law"]
    assert isinstance(first["forecast"], str)


def test_one_run_has_no_interval_and_no_law() -> None:
    single = [one for one in marked(1.5, 0.0) if one["seed"] <= 0 and one["size"] in (0, 16)]
    found = findings(a_study(sizes=[16], seeds=[0]), single)
    assert all(one["low"] is None for one in found["changes"])
    changed, _, falls, _ = (one["sentences"] for one in found["findings"])
    assert all("one run: no interval" in one for one in changed)
    assert all("has no fit" in one for one in falls)


def test_what_cannot_be_told_of_a_clip_is_in_no_mean() -> None:
    some = [mark("a", 1, 0, 0.2), mark("a", 1, 0, math.nan, clip_id="d")]
    told = totals(some, [PATH])
    assert (told[PATH], told[f"{PATH}_clips"], told[f"{PATH}_standard_error"]) == (0.2, 1, None)
    assert rows(a_study(), some)[0][PATH] == 0.2


def test_passing_asks_what_the_scene_has_and_fails_what_is_not_known() -> None:
    level = Level(path=0.1, velocity=1.0, final=0.1, medium=0.2, lost=0.2)
    good = {"object_path_error": 0.1, "object_velocity_error": 0.5, "medium_error": 0.3, "object_lost": math.nan}
    assert passed(good, level, {"object_path_error", "object_velocity_error"})
    assert not passed(good, level, {"object_path_error", "medium_error"})
    assert not passed(good, level, {"object_lost"})
    assert strain(good, level, {"object_path_error", "medium_error"}) == pytest.approx(1.5)
    assert strain(good, level, {"object_lost"}) == math.inf
    assert strain(good, level, set()) == 0.0


def test_wider_bounds_are_counted_from_the_same_samples() -> None:
    asked = a_study(sizes=[8, 32], arms={"random": []}, sampling=Sampling(wanted=2, cap=4, slack=[1.0, 2.0, 4.0]))
    about = {"kind": "cell", "arm": "random", "model": "m", "parameters": 1, "test": "seen", "level": "rough"}
    strains = {8: [None, 3.0, 1.5, 3.0], 32: [1.5, 0.9, 3.0, 1.0]}
    rows_ = [
        {**about, "size": size, "clips": size, "seed": 0, "grade": "primary", "clip_id": "a", "strains": some}
        for size, some in strains.items()
    ]
    told = pass_rates(asked, rows_)
    assert [(one["level"], one["samples"]) for one in told] == [("rough", 8), ("rough x 2", 6), ("rough x 4", 5)]
    means = [[rate["mean"] for rate in one["rates"]] for one in told]
    assert means[0] == pytest.approx([0.0, 1 / 3])  # of the fourth, the second pass
    assert means[1] == pytest.approx([1 / 4, 1.0])
    assert means[2] == pytest.approx([1 / 2, 1.0])


def test_levels_grow_stricter() -> None:
    for loose, strict in pairwise(Study().levels.values()):
        assert all(vars(strict)[name] < bound for name, bound in vars(loose).items())


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
