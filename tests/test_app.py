"""The command line: quick to answer, complete, and clear about what is wrong."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from pipeline import (
    engines,
    exporters,
    flows,
    laws,
    materials,
    metrics,
    models,
    renderers,
    scenarios,
    shelf,
    simulators,
    violations,
)
from pipeline.stages import STAGES


def children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_help_is_quick_and_lists_every_choice_on_every_shelf(command) -> None:
    before = children_cpu_seconds()
    done = command("--help")
    assert done.returncode == 0
    assert children_cpu_seconds() - before < 3.0
    listed = {frozenset(line.split(": ")[1].split(", ")) for line in done.stdout.splitlines() if ": " in line}
    for room in (
        engines,
        exporters,
        flows,
        laws,
        materials,
        metrics,
        models,
        renderers,
        scenarios,
        simulators,
        violations,
    ):
        assert frozenset(shelf.names(room)) in listed
    for stage in STAGES:
        assert stage in done.stdout


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("clip=3", ["clip", "Run"]),
        ("model=sora", ["sora", "next_frame", "copy_last"]),
        ("stage=simulat", ["simulat", "simulate"]),
        ("clips=0", ["clips", "at least 1", "got 0"]),
        ("num_frames=3", ["num_frames", "prompt_frames"]),
        ("run=a/b", ["run", "a/b"]),
        ("clips=many", ["clips", "many"]),
        ("asset=chiar", ["chiar", "chair", "duck_vhacd"]),
    ],
)
def test_a_wrong_request_says_what_was_expected(command, tmp_path: Path, override: str, words: list[str]) -> None:
    done = command(f"outputs={tmp_path}", override)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_later_stage_without_clips_says_where_to_start(command, tmp_path: Path) -> None:
    done = command(f"outputs={tmp_path}", "stage=generate", "run=empty")
    assert done.returncode == 2
    assert "stage=simulate" in done.stderr


def test_a_plug_in_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"no 'nope', choose one of .*sand"):
        shelf.find(materials, materials.Material, "nope")


def test_an_asset_of_the_run_is_that_of_the_scenario_unless_that_has_its_own() -> None:
    from pipeline.app import compose

    assert compose([]).scenario.asset == ""
    assert compose(["asset=ship"]).scenario.asset == "ship"
    assert compose(["asset=ship", "scenario.asset=boot"]).scenario.asset == "boot"


def test_stories_take_turns_and_within_each_its_materials() -> None:
    from pipeline.app import compose
    from pipeline.stages._layout import plans

    run = compose(["scenarios=[drop,heap]", "scenarios.heap.palette=[gravel]", "clips=5", "seed=4"])
    assert [plan.clip_id for plan in plans(run)] == [
        "drop-sand-00000",
        "heap-gravel-00001",
        "drop-water-00002",
        "heap-gravel-00003",
        "drop-none-00004",
    ]
    alone = compose(["clips=5", "seed=4"])
    assert [plan.seed for plan in plans(alone)] == [plan.seed for plan in plans(run)]


def test_every_story_holds_every_scenario() -> None:
    from pipeline.app import compose

    assert list(compose(["experiment=every_story"]).stories) == shelf.names(scenarios)
