"""Small hand-made takes with known physics: a patterned disc falls into a heap of grains on a textured wall.

For tests of flows, metrics and the judge: no simulator and no renderer, so they run in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import numpy as np

from pipeline import metrics, shelf
from pipeline.flows.dis import Dis
from pipeline.metrics import Metric
from pipeline.types import Clip, Instance, Layers, Score, Take

METRICS = {name: kind for name, kind in shelf.everything(metrics, Metric).items() if not kind.peer}
LIQUID = {"submerged", "liquid_level", "divergence", "agitation"}
"""Metrics that are silent in this event, which has no liquid."""
SIZE = 96
FRAMES = 25
PROMPT_FRAMES = 5
DISC, GRAINS = 1, 2
RADIUS = 9.0
HARMLESS = ("darker", "filmed_again", "noisier", "shaken", "softer")
BROKEN = (
    "copy_last", "freeze_at_half", "hover", "mass_loss", "reverse", "shuffle", "slow_motion", "stutter", "teleport",
    "vanish_at_half",
)  # fmt: skip
_SURFACE = 70.0


@dataclass(frozen=True)
class World:
    """What happens, in pixels and frames."""

    disc: np.ndarray
    """Centre (x, y), shape (T, 2)."""
    angle: np.ndarray
    """(T,) [rad]"""
    spray: np.ndarray
    """Grains in the air (x, y), shape (T, N, 2)."""
    level: np.ndarray
    """Height of the heap's surface (y), shape (T,)."""
    disc_visible: np.ndarray = field(default_factory=lambda: np.ones(FRAMES, bool))


def happen(draw: int = 0, gravity: float = 0.32, bounce: float = 0.45) -> World:
    """One course of events; draws differ in what the first frames do not show."""
    rng = np.random.default_rng([7, draw])
    speed, bounce = 1.0 + 0.03 * rng.normal(), bounce * (1 + 0.06 * rng.normal())
    x, y, vy, vx = 40.0, 16.0, 0.6, 0.7 * speed
    ground = _SURFACE - 0.4 * RADIUS
    hit = None
    disc = np.zeros((FRAMES, 2))
    for t in range(FRAMES):
        disc[t] = x, y
        x, y, vy = x + vx, y + vy, vy + gravity
        if y > ground:
            y, vy, vx = 2 * ground - y if bounce > 0 else ground, -bounce * vy, 0.6 * vx
            y = min(y, ground)
            hit = t + 1 if hit is None else hit
            bounce = 0.0 if abs(vy) < 1.0 else bounce
    hit = FRAMES if hit is None else hit
    count = 60
    start = np.stack([disc[min(hit, FRAMES - 1), 0] + rng.normal(0, 5, count), np.full(count, _SURFACE)], 1)
    kick = np.stack([rng.normal(0, 1.2, count), -rng.uniform(0.6, 3.2, count)], 1)
    age = np.clip(np.arange(FRAMES) - hit, 0, None)[:, None, None]
    spray = start + kick * age + np.array([0, 0.5 * gravity]) * age**2
    spray = np.where(spray[..., 1:] > _SURFACE + 1, [-9.0, -9.0], spray)
    return World(disc, 0.12 * np.arange(FRAMES) * speed, spray, np.full(FRAMES, _SURFACE))


def film(world: World, sample: int = 0, noise: float = 1.5, shake: float = 0.0, gain: float = 1.0) -> Clip:
    """A camera's view of it with layers; `shake` [px], `noise` [grey levels]."""
    rng = np.random.default_rng([11, sample])
    frames = np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8)
    labels = np.zeros((FRAMES, SIZE, SIZE), np.uint16)
    for t in range(FRAMES):
        dx, dy = shake * rng.normal(size=2)
        picture, labels[t] = _paint(world, t, float(dx), float(dy))
        picture = picture * gain + noise * rng.normal(size=picture.shape)
        frames[t] = np.clip(picture, 0, 255).astype(np.uint8)
    instances = (Instance(DISC, "disc", "rigid", "sphere", 900.0), Instance(GRAINS, "sand", "grains", "", 1600.0))
    source = "truth"
    return Clip("synthetic", source, sample, frames, 24.0, _layers(labels), None, instances)


@lru_cache(maxsize=4)
def _scenery(dx: float, dy: float) -> tuple[np.ndarray, ...]:
    """Where the pixels look (x, y), the wall and the heap there."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    x, y = x + dx, y + dy
    wall = _pattern(x, y, 9.0, 1)[..., None] * np.array([26, 22, 18]) + np.array([120, 128, 140])
    heap = _pattern(x, y, 3.0, 2)[..., None] * np.array([34, 30, 22]) + np.array([176, 140, 84])
    return x, y, wall, heap


def _paint(world: World, t: int, dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
    x, y, wall, heap = _scenery(dx, dy)
    label = np.where(y > world.level[t], GRAINS, 0)
    picture = np.where((label == GRAINS)[..., None], heap, wall)
    if world.disc_visible[t]:
        u, v = x - world.disc[t, 0], y - world.disc[t, 1]
        c, s = np.cos(world.angle[t]), np.sin(world.angle[t])
        inside = (np.hypot(u, v) < RADIUS) & (y < world.level[t])
        stripe = ((c * u + s * v) // 4 % 2)[..., None]
        label = np.where(inside, DISC, label)
        picture = np.where(inside[..., None], stripe * np.array([40, 60, 30]) + np.array([170, 40, 50]), picture)
    for column, row in np.floor(world.spray[t] - [x[0, 0], y[0, 0]]).astype(int):
        if 0 <= column < SIZE - 1 and 0 <= row < SIZE - 1:
            grain = np.s_[row : row + 2, column : column + 2]
            label[grain], picture[grain] = GRAINS, [190, 150, 92]
    return picture, label.astype(np.uint16)


def _pattern(x: np.ndarray, y: np.ndarray, scale: float, seed: int) -> np.ndarray:
    """A smooth texture in -1..1 that has no direction to slide along."""
    waves = np.random.default_rng(seed).normal(size=(6, 2)) / scale * 2.2
    phases = np.random.default_rng(seed + 9).uniform(0, 2 * np.pi, 6)
    return np.asarray(sum(np.sin(x * a + y * b + p) for (a, b), p in zip(waves, phases, strict=True)) / 3.0)


def _layers(labels: np.ndarray) -> Layers:
    shape = labels.shape
    flow = np.zeros((*shape, 2), np.float32)
    flag = np.zeros(shape, bool)
    return Layers(
        depth=np.ones(shape, np.float32),
        normal=np.zeros((*shape, 3), np.float16),
        segmentation=labels,
        material=np.minimum(labels, 2).astype(np.uint8),
        particle=np.full(shape, -1, np.int32),
        object_coordinates=np.zeros((*shape, 3), np.float16),
        forward_flow=flow,
        backward_flow=flow,
        forward_occluded=flag,
        backward_occluded=flag,
        valid=~flag,
    )


def edited(clip: Clip, order: np.ndarray, source: str = "edited", keep_layers: bool = False) -> Clip:
    """The same clip with its frames in another order."""
    return replace(clip, source=source, frames=clip.frames[order], layers=clip.layers if keep_layers else None)


def violations(truth_world: World, truth: Clip) -> dict[str, Clip]:
    """Broken versions of the event that share its first frames; the camera noise is new from there on."""
    times, half = np.arange(FRAMES), (PROMPT_FRAMES + FRAMES) // 2
    after = times >= PROMPT_FRAMES
    rng = np.random.default_rng(3)

    def again(world: World) -> Clip:
        other = film(world, sample=99)
        kept = np.where(after[:, None, None, None], other.frames, truth.frames)
        return replace(other, source="edited", frames=kept, layers=None)

    def at(time: np.ndarray) -> World:
        time = np.where(after, np.clip(time, 0, FRAMES - 1), times)
        before, share = np.minimum(time.astype(int), FRAMES - 2), time - np.minimum(time.astype(int), FRAMES - 2)

        def between(x: np.ndarray) -> np.ndarray:
            s = share.reshape(-1, *[1] * (x.ndim - 1))
            return (1 - s) * x[before] + s * x[before + 1]

        w = truth_world
        return World(between(w.disc), between(w.angle), between(w.spray), between(w.level))

    hover = replace(truth_world, disc=np.where(after[:, None], truth_world.disc[PROMPT_FRAMES], truth_world.disc))
    teleport = replace(truth_world, disc=truth_world.disc + np.where(times[:, None] >= half, [26.0, -14.0], 0.0))
    loss = np.where(after, times - PROMPT_FRAMES, 0) * 0.4
    shuffled = times.copy()
    shuffled[after] = rng.permutation(shuffled[after])
    return {
        "freeze_at_half": edited(truth, np.minimum(times, half)),
        "copy_last": edited(truth, np.minimum(times, PROMPT_FRAMES - 1)),
        "stutter": edited(truth, np.where(after, times // 3 * 3, times)),
        "reverse": again(at(FRAMES + PROMPT_FRAMES - 1 - times)),
        "shuffle": again(at(shuffled)),
        "slow_motion": again(at(PROMPT_FRAMES + (times - PROMPT_FRAMES) / 2)),
        "vanish_at_half": again(replace(truth_world, disc_visible=times < half)),
        "hover": again(hover),
        "teleport": again(teleport),
        "mass_loss": again(replace(truth_world, level=truth_world.level + loss)),
    }


@dataclass(frozen=True)
class Event:
    """A truth, fresh re-draws of it, harmless changes of its picture, and versions that break physics."""

    truth: Take
    redraws: tuple[Take, ...]
    harmless: dict[str, Take]
    broken: dict[str, Take]
    vanishing: tuple[Take, ...]
    """The disc vanishes ever earlier; in the first it stays."""
    still: Take
    """Nothing moves at all."""


@cache
def event() -> Event:
    """The falling disc, made once for all tests."""
    world = happen()
    truth = film(world)
    harmless = {
        "filmed_again": film(world, 5),
        "darker": film(world, 5, gain=0.8),
        "softer": replace(truth, frames=(0.5 * truth.frames + 0.5 * np.roll(truth.frames, 1, 2)).astype(np.uint8)),
        "shaken": film(world, 5, shake=0.4),
        "noisier": film(world, 5, noise=4.0),
    }
    return Event(
        take(truth),
        tuple(take(replace(film(happen(draw), draw), layers=None)) for draw in range(1, 6)),
        {name: take(clip) for name, clip in harmless.items()},
        {name: take(clip) for name, clip in violations(world, truth).items()},
        tuple(take(film(replace(world, disc_visible=np.arange(FRAMES) < last))) for last in (FRAMES, 18, 10)),
        take(edited(truth, np.zeros(FRAMES, int), "truth", keep_layers=True)),
    )


def take(clip: Clip) -> Take:
    """A clip with the default flow."""
    return Take(clip, Dis().estimate(clip))


_SCORES: dict[int, dict[str, Score]] = {}


def score(metric: str, other: Take) -> Score:
    """A metric's opinion, by its default settings, of one of the event's takes; made once for all tests."""
    if id(other) not in _SCORES:
        _SCORES[id(other)] = {name: kind().compare(event().truth, other) for name, kind in METRICS.items()}
    return _SCORES[id(other)][metric]
