"""Removing the noise of few samples: Intel's Open Image Denoise, guided by what the rays met (the extra `denoise`)."""

# Warp reads these functions itself: Python's type checker cannot follow its types.
# mypy: disable-error-code="untyped-decorator, misc, assignment"

from __future__ import annotations

import numpy as np
import warp as wp

from pipeline.renderers._beauty import PINHOLE, Lens, View, camera_ray, lamp, view
from pipeline.renderers._geometry import Frame, Geometry
from pipeline.renderers._light import Lamp, colour_of, sky_radiance
from pipeline.renderers._rays import FAR, LIQUID, NOTHING, meet
from pipeline.types import Float32, Scene

_RIM = ((16, 16), (16, 16), (0, 0))
"""Mirrored pixels around the picture: the denoiser tints the corners of even a plain one (pyoidn 2.5)."""


@wp.kernel(enable_backward=False)
def _guide(
    geometry: Geometry,
    lamp: Lamp,
    view: View,
    pattern: wp.array2d[wp.vec4],
    first: int,
    end: int,
    albedo: wp.array2d[wp.vec3],
    normal: wp.array2d[wp.vec3],
) -> None:
    """Mean colour and normal of what the samples' rays meet first, along the very rays of the picture."""
    row, column = wp.tid()
    state = wp.rand_init(7, row * albedo.shape[1] + column)
    which = int(wp.randi(state, 0, pattern.shape[0]))
    shift, turn = wp.randf(state), wp.randf(state)
    colours = wp.vec3()
    normals = wp.vec3()
    for sample in range(first, end):
        place = pattern[which, sample]
        ray = camera_ray(view, float(column) + place[0], float(row) + place[1], sample, shift, turn)
        hit = meet(geometry, ray.origin, ray.direction, FAR)
        if hit.kind == NOTHING:
            colours += wp.min(sky_radiance(lamp, ray.direction), wp.vec3(1.0, 1.0, 1.0))
        elif hit.kind == LIQUID:
            # A mirror and a window: its colour is that of what is seen in it, which no guide tells.
            colours += wp.vec3(1.0, 1.0, 1.0)
            normals += hit.normal
        else:
            p = ray.origin + ray.direction * hit.distance
            footprint = view.width * hit.distance / wp.max(-wp.dot(hit.normal, ray.direction), 0.12)
            colours += colour_of(geometry, hit, p, footprint)
            normals += hit.normal
    albedo[row, column] = colours / float(end - first)
    normal[row, column] = normals / float(end - first)


def guides(
    frame: Frame,
    scene: Scene,
    time: float,
    pattern: wp.array,
    device: str,
    lens: Lens = PINHOLE,
    samples: range | None = None,
) -> tuple[Float32, Float32]:
    """Albedo and normal of the picture that `_beauty.expose` makes of the same arguments, each (H, W, 3)."""
    samples = samples or range(pattern.shape[1])
    albedo, normal = (wp.empty(scene.camera.size, dtype=wp.vec3, device=device) for _ in range(2))
    seen = view(scene.camera, time, lens)
    inputs = [frame.geometry, lamp(scene), seen, pattern, samples.start, samples.stop, albedo, normal]
    wp.launch(_guide, dim=scene.camera.size, inputs=inputs, device=device)
    return albedo.numpy(), normal.numpy()


def denoised(linear: Float32, albedo: Float32, normal: Float32) -> Float32:
    """A picture in linear light without its noise, all (H, W, 3); one thread, so that crews of workers share a machine.

    Raises RuntimeError if the denoiser fails.
    """
    import pyoidn

    images = {"color": linear, "albedo": albedo, "normal": normal}
    images = {name: np.pad(image, _RIM, mode="symmetric").astype(np.float32) for name, image in images.items()}
    images["output"] = np.zeros_like(images["color"])
    with pyoidn.Device(pyoidn.OIDN_DEVICE_TYPE_CPU) as device:
        device.set_int("numThreads", 1)
        device.set_bool("setAffinity", False)
        device.commit()
        with pyoidn.Filter(device, pyoidn.OIDN_FILTER_TYPE_RT) as chosen:
            for name, image in images.items():
                chosen.set_image(name, image, pyoidn.OIDN_FORMAT_FLOAT3)
            chosen.set_bool("hdr", True)
            chosen.commit()
            chosen.execute()
        trouble = device.get_error()
    if trouble:
        raise RuntimeError(f"Open Image Denoise: {trouble}")
    return images["output"][_RIM[0][0] : -_RIM[0][1], _RIM[1][0] : -_RIM[1][1]]
