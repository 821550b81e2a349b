"""Prompts are brought to what a model can be asked for, answers back to what was asked, and both are said."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from pipeline.models import Spec
from pipeline.models._continuing import Continuing, fitting, suit
from pipeline.types import Prompt, UInt8


@dataclass
class Clock(Continuing):
    """Shows how much time has passed as grey levels: 100 when the last frame was shown, 60 more every second."""

    asked: list[Prompt] = field(default_factory=list)
    can: Spec = field(default_factory=Spec)

    @property
    def spec(self) -> Spec:
        return self.can

    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        self.asked.append(prompt)
        height, width = prompt.frames.shape[1:3]
        seconds = np.arange(1, prompt.num_frames - len(prompt.frames) + 1) / prompt.fps
        levels = np.rint(100 + 60 * seconds).astype(np.uint8)
        return np.broadcast_to(levels[:, None, None, None], (len(levels), height, width, 3)).copy()


def prompt(shown: int = 4, num_frames: int = 28, height: int = 40, width: int = 50, fps: float = 24.0) -> Prompt:
    levels = np.rint(100 - 60 * np.arange(shown)[::-1] / fps).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (shown, height, width, 3)).copy()
    return Prompt("clip", "text", frames, fps, num_frames)


@pytest.mark.parametrize(
    "spec",
    [
        Spec(),
        Spec(shown=1, frames=(4, 1), multiple=16, fps=16.0, side=64),
        Spec(frames=(8, 1), multiple=32),
        Spec(shown=2, fps=30.0),
        Spec(size=(48, 72), fps=8.0, frames=(4, 1), shown=1),
    ],
)
def test_time_passes_as_fast_as_asked_whatever_the_model_was_made_for(spec: Spec) -> None:
    model, asked = Clock(can=spec), prompt()
    clip = model.generate(asked, 0)
    assert (clip.frames.shape, clip.fps) == ((28, 40, 50, 3), 24.0)
    np.testing.assert_array_equal(clip.frames[:4], asked.frames)
    expected = 100 + 60 * np.arange(-3, 25) / 24
    assert np.abs(clip.frames.mean(axis=(1, 2, 3)) - expected).max() <= 1.01
    given = model.asked[0]
    step, rest = spec.frames
    assert given.num_frames % step == rest % step
    assert len(given.frames) % step == rest % step
    assert all(length % spec.multiple == 0 for length in given.frames.shape[1:3])
    assert given.fps == (spec.fps or 24.0)


def test_what_was_done_is_noted() -> None:
    assert Clock().generate(prompt(), 0).notes == {}
    notes = Clock(can=Spec(shown=1, frames=(4, 1), multiple=16, fps=16.0, side=64)).generate(prompt(), 0).notes
    assert notes["shown"] == "the last 1 of 3 frames at 16 fps"
    assert notes["fps"] == "resampled from 16 to 24 fps (linear)"
    assert notes["size"].startswith("resampled from 80x64 to 50x40")


def test_a_clip_that_ends_too_soon_stands_still_and_says_so() -> None:
    clip = Clock(can=Spec(longest=14)).generate(prompt(), 0)
    assert clip.frames.shape[0] == 28
    assert clip.notes["length"].startswith("too short: 11 of 25")
    assert (clip.frames[14:] == clip.frames[13]).all()


def test_the_last_frames_are_the_ones_shown() -> None:
    suited, _ = suit(prompt(shown=12), Spec(frames=(8, 1)))
    np.testing.assert_array_equal(suited.frames, prompt(shown=12).frames[-9:])
    suited, _ = suit(prompt(shown=12), Spec(fps=12.0))
    np.testing.assert_array_equal(suited.frames, prompt(shown=12).frames[1::2])


def test_sizes_grow_to_the_multiple_and_keep_their_proportions() -> None:
    assert fitting(100, 130, Spec(multiple=16)) == (112, 144)
    assert fitting(128, 128, Spec(multiple=16, side=480)) == (480, 480)
    assert fitting(90, 160, Spec(multiple=32, side=512)) == (512, 896)
    assert fitting(90, 160, Spec(size=(480, 720))) == (480, 720)


def test_nothing_to_add_asks_nothing() -> None:
    model = Clock()
    assert len(model.generate(prompt(4, 4), 0).frames) == 4
    assert not model.asked
