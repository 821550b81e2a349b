"""A body loses its shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import Bool, Float32, UInt8
from pipeline.violations import Event, Violation


@dataclass
class Melt(Violation):
    """After the prompt every body sags and sways more and more, in the end by 15, 35 and 70 % of its size."""

    def film(self, frames: UInt8, event: Event, level: int) -> UInt8:
        """The body's pixels are drawn anew over what is seen there when the body is not in the way.

        A body below a liquid's surface is seen through it, though the layers show the liquid there.
        """
        import cv2

        assert event.clip.layers is not None
        kinds = {thing.id: thing.kind for thing in event.clip.instances}
        rigid, liquid = ([id for id, kind in kinds.items() if kind == wanted] for wanted in ("rigid", "liquid"))
        shown = event.clip.layers.segmentation
        masks = np.isin(shown, rigid)
        if liquid:
            masks |= np.isin(shown, liquid) & _outlines(event)
        behind = _behind(frames, masks)
        melted = frames.copy()
        for t in np.flatnonzero((event.after > 0) & masks.any(axis=(1, 2))):
            x, y = _sagged(masks[t], (0.15, 0.35, 0.7)[level - 1] * float(event.after[t]))
            share = cv2.remap(masks[t].astype(np.float32), x, y, cv2.INTER_LINEAR)[..., None]
            body = cv2.remap(frames[t], x, y, cv2.INTER_LINEAR)
            bare = np.where(masks[t][..., None], behind[t], frames[t])
            melted[t] = (share * body + (1 - share) * bare + 0.5).astype(np.uint8)
        return melted


def _outlines(event: Event) -> Bool:
    """Pixels within the convex outlines of the bodies, whatever is in front of them, (T, H, W); not refracted."""
    import cv2
    from scipy.spatial.transform import Rotation

    camera, happened = event.scene.camera, event.trajectory
    masks = np.zeros((len(happened.time), *camera.size), np.uint8)
    for t, mask in enumerate(masks):
        for index, body in enumerate(event.scene.bodies):
            turn = Rotation.from_quat(happened.body_orientation[t, index])
            world = turn.apply(body.mesh.vertices) + happened.body_position[t, index]
            seen = world @ camera.world_to_camera[t, :3, :3].T + camera.world_to_camera[t, :3, 3]
            pixels = seen @ camera.intrinsics.T
            corners = np.rint(pixels[:, :2] / pixels[:, 2:] - 0.5).astype(np.int32)
            cv2.fillConvexPoly(mask, cv2.convexHull(corners), 1)
    return masks > 0


def _behind(frames: UInt8, masks: Bool) -> UInt8:
    """What each pixel shows in the nearest frame, later or earlier, in which no body covers it, (T, H, W, 3)."""
    behind = frames.copy()
    for t in range(len(frames)):
        missing = masks[t].copy()
        for near in sorted(range(len(frames)), key=lambda other: abs(other - t)):
            known = missing & ~masks[near]
            behind[t][known] = frames[near][known]
            missing &= ~known
            if not missing.any():
                break
    return behind


def _sagged(mask: Bool, amount: float) -> tuple[Float32, Float32]:
    """Where the pixels of a picture with a sagged body look for it, x and y (H, W) [px]."""
    rows, columns = np.nonzero(mask)
    top, height, middle = rows.min(), np.ptp(rows) + 1, columns.mean()
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    down = (y - top) / height
    source_y = top + height * down / (1 + amount)
    width = 1 + 0.6 * amount * np.clip(down, 0, 1)
    source_x = middle + (x - middle) / width + 0.12 * amount * height * np.sin(6 * down)
    return source_x.astype(np.float32), source_y.astype(np.float32)
