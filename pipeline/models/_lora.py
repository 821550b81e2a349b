"""Fine-tuning of Wan image-to-video: small LoRA matrices (Hu et al. 2021) beside weights that stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline._files import replacing

TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
"""Layers of the attention that learn."""
EXPERTS = ("transformer", "transformer_2")
"""Wan 2.2 has one for high noise and one for low noise."""


def with_adapters(pipeline: Any, rank: int, checkpointing: bool) -> nn.ModuleDict:
    """The pipeline's transformers by name, with fresh adapters, which alone learn; all else is frozen.

    Fresh adapters change nothing: their second matrix is zero. Their weights are float32 whatever the pipeline's are.
    """
    try:
        from peft import LoraConfig
    except ModuleNotFoundError as error:
        raise ValueError(
            f"model=diffusers: learning needs the extra 'hub': pip install -e '.[hub]' ({error})"
        ) from error
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.requires_grad_(False)
    experts = {name: getattr(pipeline, name) for name in EXPERTS if getattr(pipeline, name, None) is not None}
    for expert in experts.values():
        expert.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS))
        for parameter in expert.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        if checkpointing:
            expert.enable_gradient_checkpointing()
    return nn.ModuleDict(experts)


def save_adapters(experts: nn.ModuleDict, file: Path) -> None:
    """One file in the layout of diffusers, names led by transformer. (and transformer_2.)."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, expert in experts.items()
        for key, value in get_peft_model_state_dict(expert).items()
    }
    with replacing(file) as unfinished:
        save_file(tensors, unfinished)


def flow_matching_loss(pipeline: Any, batch: Mapping[str, Any]) -> Tensor:
    """Mean error of the velocity from clip to noise (Lipman et al. 2022), each window led by its first frame."""
    draw = torch.Generator().manual_seed(int(batch["seed"]))
    windows = zip(batch["frames"], batch["text"], strict=True)
    return torch.stack([_window_loss(pipeline, frames, text, draw) for frames, text in windows]).mean()


def _window_loss(pipeline: Any, frames: Tensor, text: str, draw: torch.Generator) -> Tensor:
    """Of one window, uint8 (T, H, W, 3): x_s = (1 - s) x + s e, and the network tells e - x."""
    clip = (frames.permute(3, 0, 1, 2).unsqueeze(0).float() / 127.5 - 1).to(pipeline.vae.dtype)
    with torch.no_grad():
        latents = _encoded(pipeline, clip)
        shown, picture = _first_frame(pipeline, clip, latents)
        words = pipeline.encode_prompt(text, do_classifier_free_guidance=False, device=latents.device)[0]
    sigma = _noise_share(pipeline, draw)
    noise = torch.randn(latents.shape, generator=draw).to(latents)
    noisy, target = (1 - sigma) * latents + sigma * noise, noise - latents
    boundary = pipeline.config.boundary_ratio
    expert = pipeline.transformer if boundary is None or sigma >= boundary else pipeline.transformer_2
    time = 1000 * sigma
    if pipeline.config.expand_timesteps:  # the first frame is given as it is, at time 0
        free = torch.ones_like(noisy[:, :1])
        free[:, :, 0] = 0
        seen = (1 - free) * shown + free * noisy
        times = (free[0, 0, :, ::2, ::2] * time).flatten().unsqueeze(0)
    else:
        free = torch.ones_like(noisy[:, :1])
        seen = torch.cat([noisy, shown], dim=1)
        times = torch.full((1,), time, device=noisy.device)
    told = expert(
        hidden_states=seen.to(expert.dtype),
        timestep=times,
        encoder_hidden_states=words.to(expert.dtype),
        encoder_hidden_states_image=picture,
        return_dict=False,
    )[0]
    error: Tensor = (free * (told.float() - target) ** 2).mean() / free.mean()
    return error


def _encoded(pipeline: Any, clip: Tensor) -> Tensor:
    """Normalised latents of a clip (1, 3, T, H, W) in -1..1."""
    latents = pipeline.vae.encode(clip).latent_dist.mode().float()
    mean, deviation = (
        torch.tensor(values, device=latents.device).view(1, -1, 1, 1, 1)
        for values in (pipeline.vae.config.latents_mean, pipeline.vae.config.latents_std)
    )
    return torch.div(latents - mean, deviation)


def _first_frame(pipeline: Any, clip: Tensor, latents: Tensor) -> tuple[Tensor, Tensor | None]:
    """What the pipeline itself shows its transformer of the first frame: latents, and its image encoder's if any."""
    from PIL import Image

    picture = clip[:, :, 0].float()
    size = {"height": clip.shape[3], "width": clip.shape[4], "num_frames": clip.shape[2]}
    prepared = pipeline.prepare_latents(
        picture, 1, latents.shape[1], **size, dtype=torch.float32, device=latents.device, latents=latents
    )
    if pipeline.transformer.config.image_dim is None:
        return prepared[1], None
    pixels = ((picture[0].permute(1, 2, 0) + 1) * 127.5).round().byte().cpu().numpy()
    seen = pipeline.encode_image(Image.fromarray(pixels), latents.device)
    return prepared[1], seen.to(pipeline.transformer.dtype)


def _noise_share(pipeline: Any, draw: torch.Generator) -> float:
    """How much noise, 0..1, drawn evenly and shifted as the pipeline's own schedule shifts it."""
    even = float(torch.rand((), generator=draw))
    settings = pipeline.scheduler.config
    shift = float(settings.get("flow_shift") or settings.get("shift") or 1.0)
    return shift * even / (1 + (shift - 1) * even)
