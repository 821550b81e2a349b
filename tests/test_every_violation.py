"""One exam over everything on the shelf of violations, on one small scene of each kind."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline import shelf, violations
from pipeline.materials.none import Nothing
from pipeline.materials.sand import Sand
from pipeline.materials.water import Water
from pipeline.renderers.raytrace import Raytrace
from pipeline.scenarios.drop import Drop
from pipeline.simulators.coupled import Coupled
from pipeline.violations import LEVELS, Event, Violation

VIOLATIONS = shelf.everything(violations, Violation)
MATERIALS = {"none": Nothing(), "grains": Sand(), "liquid": Water()}
PROMPT_FRAMES = 4
SEED = 5


@cache
def event(kind: str) -> Event:
    scene = Drop().draw(f"drop-{kind}", SEED, MATERIALS[kind], (48, 48), 24.0, 13)
    simulator = Coupled(particle_spacing=0.015)
    happened = simulator.simulate(scene)
    return Event(scene, happened, Raytrace(samples=1).render(scene, happened), simulator, PROMPT_FRAMES)


def filmed(name: str, kind: str, level: int) -> np.ndarray:
    change, what = VIOLATIONS[name](), event(kind)
    happening = change.happen(what, level)
    frames = what.clip.frames if happening is None else Raytrace(samples=1).render(*happening).frames
    return change.film(frames, what, level)


@pytest.fixture(params=VIOLATIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_says_what_it_is_and_where_it_makes_sense(name: str) -> None:
    kind = VIOLATIONS[name]
    assert kind.__doc__
    assert set(kind.kinds) <= set(MATERIALS)
    assert kind.kinds


def test_it_changes_the_clip_after_the_prompt_and_only_there(name: str) -> None:
    kind = VIOLATIONS[name].kinds[-1]
    truth, frames = event(kind).clip.frames, filmed(name, kind, LEVELS[-1])
    assert (frames.shape, frames.dtype) == (truth.shape, np.uint8)
    assert np.abs(frames[PROMPT_FRAMES:].astype(int) - truth[PROMPT_FRAMES:]).max() > 5
    if VIOLATIONS[name]().happen(event(kind), 1) is None:
        np.testing.assert_array_equal(frames[:PROMPT_FRAMES], truth[:PROMPT_FRAMES])


def test_the_bodies_are_where_the_prompt_shows_them(name: str) -> None:
    kind = VIOLATIONS[name].kinds[0]
    happening = VIOLATIONS[name]().happen(event(kind), 2)
    if happening is None:
        return
    _, changed = happening
    last = PROMPT_FRAMES - 1
    bodies = len(event(kind).scene.bodies)
    np.testing.assert_allclose(
        changed.body_position[last, :bodies], event(kind).trajectory.body_position[last], atol=1e-3
    )
    assert len(changed.time) == event(kind).scene.num_frames


def test_it_does_the_same_again(name: str) -> None:
    kind = VIOLATIONS[name].kinds[0]
    if VIOLATIONS[name]().happen(event(kind), 2) is None:
        np.testing.assert_array_equal(filmed(name, kind, 2), filmed(name, kind, 2))
    else:
        first, again = (VIOLATIONS[name]().happen(event(kind), 2) for _ in range(2))
        assert first is not None
        assert again is not None
        np.testing.assert_array_equal(first[1].body_position, again[1].body_position)
        np.testing.assert_array_equal(first[1].particle_position, again[1].particle_position)


def test_the_scene_is_left_alone(name: str) -> None:
    kind = VIOLATIONS[name].kinds[0]
    before = replace(event(kind)).trajectory.body_position.copy()
    VIOLATIONS[name]().happen(event(kind), 3)
    np.testing.assert_array_equal(event(kind).trajectory.body_position, before)


def test_a_shuffle_moves_more_frames_the_graver_it_is_and_at_last_all() -> None:
    what = event("none")
    numbered = np.arange(13, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    moved = []
    for level in LEVELS:
        order = VIOLATIONS["shuffle"]().film(numbered, what, level)[:, 0, 0, 0]
        assert sorted(order) == list(range(13))
        assert (order[:PROMPT_FRAMES] == np.arange(PROMPT_FRAMES)).all()
        moved.append(int((order != np.arange(13)).sum()))
    assert moved == [2, 8, 13 - PROMPT_FRAMES]


@pytest.mark.parametrize("kind", MATERIALS)
@pytest.mark.parametrize("level", LEVELS)
def test_time_runs_backwards_through_the_impact_at_every_severity(kind: str, level: int) -> None:
    happening = VIOLATIONS["reverse"]().happen(event(kind), level)
    assert happening is not None
    height, truth = (one.body_position[:, 0, 2] for one in (happening[1], event(kind).trajectory))
    assert np.diff(height[PROMPT_FRAMES:]).max() > 2 * np.diff(truth[PROMPT_FRAMES:]).max() + 0.01


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_the_splash_comes_before_the_body(kind: str) -> None:
    truth = event(kind).trajectory
    heights = []
    for level in LEVELS:
        happening = VIOLATIONS["splash_without_impact"]().happen(event(kind), level)
        assert happening is not None
        np.testing.assert_array_equal(happening[1].particle_position, truth.particle_position)
        heights.append(happening[1].body_position[PROMPT_FRAMES + 2, 0, 2])
    assert truth.body_position[PROMPT_FRAMES + 2, 0, 2] < heights[0] < heights[1] < heights[2]


def test_a_body_melts_below_the_surface_too() -> None:
    """The layers show the liquid there, and the camera sees the body through it."""
    what = event("liquid")
    assert what.clip.layers is not None
    rigid = [thing.id for thing in what.clip.instances if thing.kind == "rigid"]
    above = np.isin(what.clip.layers.segmentation, rigid)
    deep = int(above[PROMPT_FRAMES:].sum(axis=(1, 2)).argmin()) + PROMPT_FRAMES
    changed = np.abs(filmed("melt", "liquid", 3)[deep].astype(int) - what.clip.frames[deep]).max(axis=-1) > 5
    assert (changed & ~above[deep]).sum() >= 10


@pytest.mark.parametrize("kind", ["none", "liquid"])
def test_a_body_that_stops_too_early_has_some_way_to_go(kind: str) -> None:
    """Where it comes to rest soon by itself, too: else nothing would be broken."""
    what = event(kind)
    at_rest = np.minimum(what.times, 8)  # as if it lay still from frame 8 on
    ended = replace(what, trajectory=replace(what.trajectory, body_position=what.trajectory.body_position[at_rest]))
    size = max(what.scene.bodies[0].size)
    missed = []
    for level in LEVELS:
        told = VIOLATIONS["early_stop"]().happen(ended, level)
        assert told is not None
        apart = told[1].body_position - ended.trajectory.body_position
        assert not apart[:PROMPT_FRAMES].any()
        missed.append(float(np.linalg.norm(apart, axis=2).max()) / size)
    assert missed[0] > 0.15
    assert missed == sorted(missed)


@pytest.mark.parametrize("name", VIOLATIONS)
def test_it_takes_nothing_from_another_violation(name: str) -> None:
    """The exam makes its sittings anew when its own file changes, or what all share, and not when another one does."""
    source = Path(inspect.getfile(VIOLATIONS[name])).read_text()
    assert set(re.findall(r"pipeline\.violations\.(\w+)", source)) <= {"_edits"}
