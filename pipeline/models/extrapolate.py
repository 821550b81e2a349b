"""The baseline that says: everything goes on as it moves now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.models import Spec
from pipeline.models._continuing import Continuing
from pipeline.types import Bool, Float32, Prompt, UInt8

CRACK = 7
"""Gaps in what moves that are narrower than this come from neighbours drifting apart [px]."""


@dataclass
class Extrapolate(Continuing):
    """Warps the last frame of the prompt along its optical flow at constant velocity.

    The flow is DIS (Kroeger et al. 2016) from the last frame back to the one before. Nothing is random, nothing
    falls faster, nothing collides: what this model gets right needs no physics.
    """

    still: float = 0.5
    """Slower pixels count as standing still [px/frame]; DIS trembles where there is little texture."""

    rigidity: float = 6.0
    """Standard deviation of the window over which what moves shares its velocity [px]: keeps bodies in one piece."""

    def __post_init__(self) -> None:
        if self.still < 0 or self.rigidity <= 0:
            raise ValueError(
                "model=extrapolate: expected still >= 0 px/frame and rigidity > 0 px, "
                f"got {self.still} and {self.rigidity}"
            )

    @property
    def spec(self) -> Spec:
        """Sees the last two frames; nothing is random."""
        return Spec(stochastic=False)

    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        """The last frame carried along; a prompt of one frame shows no motion and stands still."""
        last = prompt.frames[-1]
        before = prompt.frames[-2] if len(prompt.frames) > 1 else last
        velocity = _velocity(before, last)
        moves = (np.linalg.norm(velocity, axis=-1) > self.still) & _explained(before, last, velocity)
        velocity = _even(velocity, moves, self.rigidity)
        steps = range(1, prompt.num_frames - len(prompt.frames) + 1)
        return np.stack([_carried(last, velocity * np.float32(step), moves) for step in steps])


def _velocity(before: UInt8, last: UInt8) -> Float32:
    """Motion of what is seen in `last` since `before` [px/frame], shape (H, W, 2) = (u right, v down)."""
    import cv2

    height, width = last.shape[:2]
    right, bottom = max(0, 32 - width), max(0, 32 - height)  # DIS refuses pictures smaller than its pyramid
    here, there = (
        cv2.copyMakeBorder(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        for frame in (last, before)
    )
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # DIS cuts the picture into one stripe a thread: its flow would depend on the machine
    try:
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        dis.setFinestScale(0)
        dis.setPatchStride(3)
        backward = dis.calc(here, there, np.zeros((*here.shape, 2), np.float32))[:height, :width]
    finally:
        cv2.setNumThreads(threads)
    return np.stack([-cv2.medianBlur(np.ascontiguousarray(backward[..., axis]), 5) for axis in range(2)], axis=-1)


def _explained(before: UInt8, last: UInt8, velocity: Float32) -> Bool:
    """Where `last` looks more like `before` moved than like `before` as it was: the still ground beside a body, which
    DIS drags along, does not; shape (H, W)."""
    import cv2

    moved = _read(before, velocity)
    errors = [cv2.blur(cv2.absdiff(last, frame).mean(axis=2, dtype=np.float32), (7, 7)) for frame in (moved, before)]
    return np.asarray(errors[0] < errors[1], np.bool_)


def _read(frame: UInt8, displacement: Float32) -> UInt8:
    """The frame read where each pixel came from, `displacement` [px] ago; edges continue."""
    import cv2

    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    from_x, from_y = x - displacement[..., 0], y - displacement[..., 1]
    return np.asarray(cv2.remap(frame, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _even(velocity: Float32, moves: Bool, rigidity: float) -> Float32:
    """The velocity of what moves, (H, W, 2), averaged over moving neighbours; zero elsewhere."""
    import cv2

    share = moves.astype(np.float32)
    total = cv2.GaussianBlur(velocity * share[..., None], (0, 0), rigidity)
    weight = cv2.GaussianBlur(share, (0, 0), rigidity)
    return np.asarray(total / np.maximum(weight, 1e-6)[..., None] * share[..., None], np.float32)


def _carried(last: UInt8, displacement: Float32, moves: Bool) -> UInt8:
    """`last` with all that moves put where its displacement [px] takes it, over what stands still."""
    import cv2

    landed, covered = _landed(displacement, moves)
    uncovered = (moves & ~covered).astype(np.uint8)
    return np.asarray(cv2.inpaint(_read(last, landed), uncovered, 3, cv2.INPAINT_TELEA), np.uint8)


def _landed(displacement: Float32, moves: Bool) -> tuple[Float32, Bool]:
    """Displacements at the pixels where they land, (H, W, 2), zero elsewhere; and where one landed, (H, W).

    Warping backwards by the displacement of the target pixel itself would never let a body leave its own outline.
    Where two land the faster one stays, and cracks between neighbours take the mean around them.
    """
    import cv2

    height, width = moves.shape
    y, x = np.nonzero(moves)
    order = np.argsort(np.linalg.norm(displacement[y, x], axis=-1), kind="stable")
    y, x = y[order], x[order]
    to_x = np.rint(x + displacement[y, x, 0]).astype(int)
    to_y = np.rint(y + displacement[y, x, 1]).astype(int)
    inside = (to_x >= 0) & (to_x < width) & (to_y >= 0) & (to_y < height)
    landed, covered = np.zeros_like(displacement), np.zeros((height, width), np.float32)
    landed[to_y[inside], to_x[inside]] = displacement[y[inside], x[inside]]
    covered[to_y[inside], to_x[inside]] = 1
    window = (CRACK, CRACK)
    cracks = (cv2.morphologyEx(covered, cv2.MORPH_CLOSE, np.ones(window, np.uint8)) > 0) & (covered == 0)
    mean = cv2.blur(landed, window) / np.maximum(cv2.blur(covered, window), 1e-6)[..., None]
    landed[cracks] = mean[cracks]
    return landed, (covered > 0) | cracks
