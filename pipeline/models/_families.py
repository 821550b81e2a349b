"""The families of video models on the hub that are known: which pipeline, how frames are shown, what can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.models import Spec


@dataclass(frozen=True)
class Family:
    """One kind of diffusers pipeline that goes on from pictures."""

    pipeline: str
    """Class in diffusers."""
    loads: tuple[str, ...]
    """Classes named in a model's model_index.json whose parts it can use."""
    shows: str
    """How frames are shown: image (the last one), video (several), conditions (LTX's own kind of video)."""
    spec: Spec
    """As its authors trained it."""
    whole: bool = False
    """Knows one size only, that of its transformer's configuration."""


FAMILIES = {
    "wan": Family(
        "WanImageToVideoPipeline",
        ("WanImageToVideoPipeline", "WanPipeline"),
        "image",
        Spec(shown=1, frames=(4, 1), multiple=32, side=480, fps=16.0),
    ),
    "ltx": Family(
        "LTXConditionPipeline",
        ("LTXConditionPipeline",),
        "conditions",
        Spec(frames=(8, 1), longest=257, multiple=32, side=512),
    ),
    "ltx_image": Family(
        "LTXImageToVideoPipeline",
        ("LTXImageToVideoPipeline", "LTXPipeline"),
        "image",
        Spec(shown=1, frames=(8, 1), longest=257, multiple=32, side=512),
    ),
    "cogvideox": Family(
        "CogVideoXImageToVideoPipeline",
        ("CogVideoXImageToVideoPipeline",),
        "image",
        Spec(shown=1, frames=(4, 1), fps=8.0),
        whole=True,
    ),
    "stable_video_diffusion": Family(
        "StableVideoDiffusionPipeline",
        ("StableVideoDiffusionPipeline",),
        "image",
        Spec(shown=1, multiple=64, side=576, fps=7.0),
    ),
    "hunyuan_video": Family(
        "HunyuanVideo15ImageToVideoPipeline",
        ("HunyuanVideo15ImageToVideoPipeline",),
        "image",
        Spec(shown=1, frames=(4, 1), multiple=16, side=480, fps=24.0),
    ),
    "cosmos": Family(
        "Cosmos2VideoToWorldPipeline",
        ("Cosmos2VideoToWorldPipeline",),
        "video",
        Spec(shown=5, frames=(4, 1), longest=93, multiple=16, side=704, fps=16.0),
    ),
    "cosmos_1": Family(
        "CosmosVideoToWorldPipeline",
        ("CosmosVideoToWorldPipeline",),
        "video",
        Spec(shown=9, frames=(8, 1), longest=121, multiple=16, side=704, fps=30.0),
    ),
    "cosmos_2_5": Family(
        "Cosmos2_5_PredictBasePipeline",
        ("Cosmos2_5_PredictBasePipeline",),
        "video",
        Spec(shown=5, frames=(4, 1), longest=93, multiple=16, side=704, fps=16.0),
    ),
}
"""Name on the command line -> family. HunyuanVideo chooses its size itself, near the picture's proportions."""


def family_of(made_as: str, wanted: str, model: str) -> Family:
    """The family `wanted`, or the one whose parts the class `made_as` of a model_index.json has.

    Raises ValueError with the right names if there is none.
    """
    if wanted in FAMILIES:
        return FAMILIES[wanted]
    fitting = [family for family in FAMILIES.values() if made_as in family.loads]
    if wanted or not fitting:
        what = f"family '{wanted}'" if wanted else f"a pipeline of class {made_as}"
        raise ValueError(
            f"model=diffusers: {model}: expected a model that goes on from pictures, got {what}; "
            f"model.family can be {', '.join(FAMILIES)}"
        )
    return fitting[0]


def as_configured(family: Family, network: Mapping[str, Any], decoder: Mapping[str, Any]) -> Spec:
    """The family's spec with what this model's own config.json files (transformer or unet, vae) say."""
    if family.whole:
        scale = 2 ** (len(decoder["block_out_channels"]) - 1)
        size = (network["sample_height"] * scale, network["sample_width"] * scale)
        return replace(family.spec, size=size, longest=network["sample_frames"])
    return replace(family.spec, longest=network["num_frames"]) if "num_frames" in network else family.spec
