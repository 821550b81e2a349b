"""What a study says of cells whose truth is known: changes, laws, pass rates, null results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pipeline.passing import pass_until
from pipeline.stages._grid import BASE, Level, Sampling, Study
from pipeline.stages._marks import MEASURED, Mark, passed, strain, totals
from pipeline.stages._study_findings import findings, rows
from pipeline.stages._study_passing import pass_rates
from pipeline.stages._study_words import PATH


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
