"""Path tracing by Mitsuba 3 (the extra `mitsuba`), with the exact layers of `raytrace`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.renderers.raytrace import Raytrace, needed
from pipeline.types import Float32, Scene

if TYPE_CHECKING:
    from pipeline.renderers._beauty import Lens
    from pipeline.renderers._exposure import Tracer
    from pipeline.renderers._geometry import Frame


@dataclass
class Mitsuba(Raytrace):
    """The scene of `raytrace` path traced: light bounces between things and bends through the liquid, which absorbs it.

    Sun and sky are one map around the scene; the far ground has no haze. Textures are baked at the size of a pixel.
    The layers are those of `raytrace`, and so are lens and shutter.
    """

    samples: int = 32
    """Paths per pixel."""
    depth: int = 8
    """Most bounces of a path."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth < 1:
            raise ValueError(f"Mitsuba: depth must be at least 1, got {self.depth}")
        needed("renderer=mitsuba", "mitsuba", "mitsuba")

    def _tracer(self) -> Tracer:
        """What follows the light."""
        return self._trace

    def _trace(
        self, frame: Frame, scene: Scene, time: float, pattern: Any, device: str, lens: Lens, samples: range
    ) -> Float32:
        """The picture in linear light, (H, W, 3); one thread, so that crews of workers share a machine."""
        import drjit
        import mitsuba

        from pipeline.renderers._pathtraced import described

        mitsuba.set_variant("scalar_rgb")
        mitsuba.set_log_level(mitsuba.LogLevel.Error)
        drjit.set_thread_count(1)
        world = mitsuba.load_dict(described(frame, scene, time, lens, self.depth))
        seed = self.seed + 7919 * samples.start
        return np.asarray(mitsuba.render(world, spp=len(samples), seed=seed), np.float32)
