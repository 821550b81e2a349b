"""What the peers' scores say of a clip; higher is better for all of them."""

from __future__ import annotations

from pipeline.metrics import physics_iq, pisa
from pipeline.metrics.ssim import Ssim
from pipeline.types import Clip, Take


def peers_scores(truth: Take, other: Take, second: Clip) -> dict[str, float]:
    """Physics-IQ with a re-draw as its second take, PISA with its sign turned, and likeness of the pictures.

    A peer that cannot speak about the scene (PISA without a body) is NaN.
    """
    pair = physics_iq.agreements(*((clip.frames, clip.fps) for clip in (truth.clip, second, other.clip)))
    path = pisa.Pisa().compare(truth, other)
    likeness = Ssim().compare(truth, other)
    return {
        "physics_iq_verified": physics_iq.verified([pair]),
        "physics_iq_original": physics_iq.original([pair]),
        "pisa": -path.parts["l2"] if path.parts else float("nan"),
        "pisa_corrected": -path.value if path.parts else float("nan"),
        "psnr": likeness.parts["psnr_db"],
        "ssim": 1 - likeness.value,
    }
