"""What the peers' scores say of a clip; higher is better for all of them."""

from __future__ import annotations

import numpy as np

from pipeline.metrics import physics_iq, pisa
from pipeline.types import Clip, Take


def peers_scores(truth: Take, other: Take, second: Clip) -> dict[str, float]:
    """Physics-IQ with a re-draw as its second take, PISA with its sign turned, and likeness of the pictures.

    A peer that cannot speak about the scene (PISA without a body) is NaN.
    """
    pair = physics_iq.agreements(*((clip.frames, clip.fps) for clip in (truth.clip, second, other.clip)))
    path = pisa.Pisa().compare(truth, other)
    squares = float(np.mean((truth.clip.frames / 255.0 - other.clip.frames / 255.0) ** 2))
    return {
        "physics_iq_verified": physics_iq.verified([pair]),
        "physics_iq_original": physics_iq.original([pair]),
        "pisa": -path.parts["l2"] if path.parts else float("nan"),
        "pisa_corrected": -path.value if path.parts else float("nan"),
        "psnr": float(-10 * np.log10(max(squares, 1e-10))),
    }
