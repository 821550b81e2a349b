"""Video models of the Hugging Face hub that go on from pictures."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline._threads import threads
from pipeline.models import Spec
from pipeline.models._continuing import Continuing
from pipeline.types import Prompt, UInt8

if TYPE_CHECKING:
    import torch

    from pipeline.models._families import Family

DTYPES, OFFLOADS = ("float32", "bfloat16", "float16"), ("none", "model", "sequential")


@dataclass
class Diffusers(Continuing):
    """A pipeline of diffusers: Wan 2.1 and 2.2, LTX, CogVideoX, Stable Video Diffusion, HunyuanVideo 1.5, Cosmos.

    Needs the extra `hub`. Image-to-video families are shown the prompt's last frame, the others as many of its last
    frames as they can take. Big ones want `device=cuda model.dtype=bfloat16 engine=serial`: every worker of another
    engine would load the weights once more.
    """

    id: str = ""
    """Name on the hub, e.g. Wan-AI/Wan2.1-I2V-14B-480P-Diffusers, or a folder with a downloaded or saved pipeline."""
    family: str = ""
    """How it is asked: wan, ltx, ltx_image, cogvideox, stable_video_diffusion, hunyuan_video, cosmos, cosmos_1 or
    cosmos_2_5; empty: found from the model's own description."""
    revision: str = ""
    """Branch, tag or commit on the hub; empty: its main branch."""
    name: str = "diffusers"
    """What it is called in results; several stand side by side under names of their own."""
    lora: str = ""
    """A LoRA file, or the folder of one, e.g. outputs/<run>/training/diffusers."""
    steps: int = 0
    """Denoising steps; 0: as many as the pipeline takes by default."""
    side: int = 0
    """Shorter side of what it makes [px]; 0: what the family was trained at."""
    fps: float = 0.0
    """Rate of what it makes [1/s]; 0: what the family was trained at, or the prompt's where it can be told."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the pipeline's call, e.g. +model.arguments.guidance_scale=3."""
    rank: int = 16
    """Of the LoRA that stage=train makes."""
    checkpointing: bool = True
    """Compute parts of the forward pass again while learning, instead of keeping them: less memory, a third slower."""
    dtype: str = "float32"
    """float32, bfloat16 or float16."""
    offload: str = "none"
    """What waits in main memory while it is not needed: none, model (whole parts) or sequential (layer by layer)."""
    threads: int = 1
    """CPU threads; more are slower on a busy machine."""
    device: str = "cpu"
    """cpu or cuda."""

    def __post_init__(self) -> None:
        for setting, known in (("dtype", DTYPES), ("offload", OFFLOADS)):
            if getattr(self, setting) not in known:
                raise ValueError(
                    f"model=diffusers: {setting} must be one of {', '.join(known)}, got '{getattr(self, setting)}'"
                )
        for setting, least in (("steps", 0), ("side", 0), ("fps", 0), ("rank", 1), ("threads", 1)):
            if getattr(self, setting) < least:
                raise ValueError(f"model=diffusers: {setting} must be at least {least}, got {getattr(self, setting)}")

    @property
    def called(self) -> str:
        """The `name`."""
        return self.name

    @property
    def spec(self) -> Spec:
        """What the family can be asked for, as this model's own configuration and the settings have it."""
        from pipeline.models._families import as_configured

        parts = self._described
        network = next((part for part in ("transformer", "unet") if part in parts), "")
        spec = as_configured(self._family, self._part(network), self._part("vae"))
        return replace(spec, side=self.side or spec.side, fps=self.fps or spec.fps)

    def continued(self, prompt: Prompt, seed: int) -> UInt8:
        """What the pipeline makes of the prompt, without the frames that it was shown."""
        from pipeline.models._hub import adapter_file, kept

        adapter = str(adapter_file(self.lora)) if self.lora else ""
        pipeline = kept(self.id, self.revision, self._family.pipeline, self.dtype, self.offload, self.device, adapter)
        with threads(self.threads):
            made = np.asarray(pipeline(**self._call(pipeline, prompt, seed)).frames[0])
        if not np.isfinite(made).all():
            raise ValueError(f"model=diffusers: {self.id} made pixels that are no numbers; try model.dtype=float32")
        return np.asarray(np.rint(255 * made[len(prompt.frames) :]), np.uint8)

    def fingerprint(self) -> str:
        """Commit on the hub, or names, sizes and times of the files of a folder; and SHA-256 of the LoRA."""
        from pipeline.models._hub import adapter_file, signature

        self._check_id()
        added = hashlib.sha256(adapter_file(self.lora).read_bytes()).hexdigest() if self.lora else ""
        return signature(self.id, self.revision) + added

    def network(self) -> torch.nn.Module:
        """Fresh LoRA adapters (drawn from torch's global generator) on the transformers of a Wan pipeline."""
        return self._learning[1]

    def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Flow matching error; see `Learner.loss` for the batch, of which first frame, frames and text are used."""
        from pipeline.models._lora import flow_matching_loss

        frames, (step, rest) = batch["frames"].shape[1], self.spec.frames
        if frames % step != rest:
            raise ValueError(
                f"model=diffusers: {self.id} takes {step}n + {rest} frames, got windows of {frames}: "
                "set training.window"
            )
        return flow_matching_loss(self._learning[0], batch)

    def save(self, path: str) -> None:
        """Write the adapters as one safetensors file that diffusers reads as a LoRA."""
        from pipeline.models._lora import save_adapters

        save_adapters(self._learning[1], Path(path))

    def taught(self, path: str) -> Diffusers:
        """The model with this LoRA."""
        return replace(self, lora=path)

    @cached_property
    def _learning(self) -> tuple[Any, torch.nn.ModuleDict]:
        """A pipeline of its own, for adapters change it, and what of it learns."""
        from pipeline.models._hub import load
        from pipeline.models._lora import with_adapters

        if self._family.pipeline != "WanImageToVideoPipeline" or self.lora:
            raise ValueError(
                f"model=diffusers: expected a Wan image-to-video model without a LoRA to train, got {self.id} "
                f"({self._family.pipeline}{', lora ' + self.lora if self.lora else ''})"
            )
        pipeline = load(self.id, self.revision, self._family.pipeline, self.dtype, "none", self.device, "")
        return pipeline, with_adapters(pipeline, self.rank, self.checkpointing)

    def _call(self, pipeline: Any, prompt: Prompt, seed: int) -> dict[str, Any]:
        """The arguments for one clip: of all that could be said, what this pipeline's call takes."""
        import torch

        shown = len(prompt.frames)
        offered = {
            "prompt": prompt.text,
            "height": prompt.frames.shape[1],
            "width": prompt.frames.shape[2],
            "num_frames": prompt.num_frames,
            "fps": round(prompt.fps),
            "frame_rate": round(prompt.fps),
            "num_inference_steps": self.steps or None,
            "num_latent_conditional_frames": 1 + (shown - 1) // self._family.spec.frames[0],
            "generator": torch.Generator().manual_seed(seed),
            "output_type": "np",
            **_shown(prompt.frames, self._family.shows),
        }
        takes = inspect.signature(type(pipeline).__call__).parameters
        unknown = [name for name in self.arguments if name not in takes]
        if unknown:
            raise ValueError(
                f"model=diffusers: arguments: {type(pipeline).__name__} takes no {', '.join(unknown)}; "
                f"it takes {', '.join(list(takes)[1:])}"
            )
        told = {name: value for name, value in offered.items() if name in takes and value is not None}
        return {**told, **self.arguments}

    @property
    def _described(self) -> dict[str, Any]:
        from pipeline.models._hub import configuration

        self._check_id()
        return configuration(self.id, "", self.revision)

    @property
    def _family(self) -> Family:
        from pipeline.models._families import family_of

        return family_of(self._described.get("_class_name", ""), self.family, self.id)

    def _part(self, name: str) -> dict[str, Any]:
        """Configuration of a part; nothing where the model has no such part."""
        from pipeline.models._hub import configuration

        return configuration(self.id, name, self.revision) if name in self._described else {}

    def _check_id(self) -> None:
        if not self.id:
            raise ValueError(
                "model=diffusers: id is empty; set model.id to a name on the hub, e.g. "
                "model.id=Lightricks/LTX-Video-0.9.5, or to a folder with a saved pipeline"
            )


def _shown(frames: UInt8, how: str) -> dict[str, Any]:
    """The argument that shows the frames, (k, H, W, 3)."""
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    if how == "image" or (how == "video" and len(pictures) == 1):
        return {"image": pictures[-1]}
    if how == "video":
        return {"video": pictures}
    from pipeline.models._hub import diffusers

    condition = diffusers().pipelines.ltx.pipeline_ltx_condition.LTXVideoCondition
    return {"conditions": [condition(video=pictures, frame_index=0)]}
