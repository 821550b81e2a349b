"""What is said of clips: scores, verdicts, and the training set that comes of them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.types._clip import Clip
from pipeline.types._scene import Float32, Scene, Trajectory


@dataclass(frozen=True)
class Score:
    """One metric's opinion of one take against the truth."""

    clip_id: str
    model: str
    """Source of the take: a model's name, or 'truth' for a re-draw."""
    sample: int
    metric: str
    value: float
    """Distance from the truth, 0 = identical, larger = worse; NaN only with `failure` set."""
    unit: str
    per_frame: Float32
    """The same per frame, shape (T,); NaN where the metric does not speak about a frame."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Named numbers behind the value."""
    curves: Mapping[str, tuple[Float32, Float32]] = field(default_factory=dict)
    """What was measured: name with unit -> (of the truth, of the other), each of shape (T,), NaN where undefined."""
    failure: str = ""
    """Why there is no value."""


@dataclass(frozen=True)
class Judgement:
    """How plausible one generated clip is, and where it breaks."""

    clip_id: str
    model: str
    sample: int
    plausibility: float
    """0 (impossible) .. 100 (as close to the truth as an independent re-draw)."""
    parts: Mapping[str, float]
    """0..100 for each metric."""
    per_frame: Float32
    """0..100 for each frame, shape (T,)."""
    gate: str = ""
    """Why the clip is degenerate (then plausibility is 0); empty for a real clip."""


@dataclass(frozen=True)
class Verdict:
    """Whether a clip goes into the training set, and why."""

    clip_id: str
    accepted: bool
    reasons: tuple[str, ...]
    by: str
    """'rule' or a reviewer's id."""
    split: str = ""
    """train, validation or test; empty for a rejected clip."""


@dataclass(frozen=True)
class Attempt:
    """What a model made of the prompt of an example's clip, and what the judge says of it."""

    clip: Clip
    prompt_frames: int
    """How many first frames of the truth the model was given."""
    judgement: Judgement | None = None
    """None: nobody has judged it."""
    video: pathlib.Path | None = None
    """As `Example.video`."""


@dataclass(frozen=True)
class Example:
    """One clip of a training set."""

    clip: Clip
    scene: Scene
    captions: tuple[str, ...]
    split: str
    provenance: Mapping[str, str]
    """Key of the clip's folder, code version, seed, verdict."""
    trajectory: Trajectory | None = None
    """Of the bodies; its particles may be left out (N = 0)."""
    video: pathlib.Path | None = None
    """The clip as a file that players and trainers read, as video.write_preview writes it; None: there is none yet."""
    curated: Mapping[str, float] = field(default_factory=dict)
    """Numbers that curation gave it, weight and position; names and types are the same throughout a set."""
    attempts: tuple[Attempt, ...] = ()
    """What models made of the same scene."""
