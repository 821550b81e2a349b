"""A camera held by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.violations import Event, Happening, Violation


@dataclass
class Shake(Violation):
    """The picture is displaced in every frame after the prompt, by 0.3, 0.6 and 1 px on average."""

    harmless = True

    def happen(self, event: Event, level: int) -> Happening:
        """Filmed anew with a camera that turns a little."""
        camera, size = event.scene.camera, (0.3, 0.6, 1.0)[level - 1]
        shift = event.generator(4).normal(0.0, size, (len(event.times), 2)) * (event.after > 0)[:, None]
        angles = shift / camera.intrinsics[0, 0]
        turned = np.repeat(np.eye(4)[None], len(angles), axis=0)
        # Small turns about the camera's own y and x axes.
        turned[:, 0, 2], turned[:, 2, 0] = angles[:, 0], -angles[:, 0]
        turned[:, 1, 2], turned[:, 2, 1] = angles[:, 1], -angles[:, 1]
        left, _, right = np.linalg.svd(turned[:, :3, :3])
        turned[:, :3, :3] = left @ right
        moved = replace(camera, world_to_camera=turned @ camera.world_to_camera)
        return replace(event.scene, camera=moved), event.trajectory
