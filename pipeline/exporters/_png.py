"""PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt


def write_png(path: Path, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4), of 8 or 16 bits, and the folders that it lies in."""
    import cv2

    if image.ndim == 3:  # OpenCV counts blue, green, red
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    _, coded = cv2.imencode(".png", np.ascontiguousarray(image))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(coded.tobytes())
